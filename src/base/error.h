// SPDX-License-Identifier: Apache-2.0
// The one error type of Octet, and the context path that every message starts with.
#pragma once

#include <cstdint>
#include <exception>
#include <locale>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/float_environment.h"

namespace octet {

/// Thrown for every failure that a user can cause. what() reads "where: which op: rule (values)", and is fit for a
/// terminal: control characters other than line breaks are escaped as printable_lines() of utf8.h does it.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
};

/// Names where we are ("layer2", "0", "conv1") for the lifetime of the object; the names of all
/// live scopes of this thread, joined by dots, start each error message made meanwhile.
/// `name` must outlive the scope. Empty names add nothing.
class ContextScope {
 public:
  explicit ContextScope(std::string_view name);
  ~ContextScope();
  ContextScope(const ContextScope&) = delete;
  ContextScope& operator=(const ContextScope&) = delete;

  /// The dotted path of this thread's live scopes, empty outside any.
  static std::string path();
};

/// For its lifetime `path` is where we are, in place of the live scopes: for what was asked for there and is done now.
/// `path` must outlive it.
class ContextSwitch {
 public:
  explicit ContextSwitch(std::string_view path);
  ~ContextSwitch();
  ContextSwitch(const ContextSwitch&) = delete;
  ContextSwitch& operator=(const ContextSwitch&) = delete;

 private:
  std::vector<std::string_view> before_;
};

/// Throws again in this thread what was thrown in another one. An Error then starts with the context path of this
/// thread: the other one could not know it.
[[noreturn]] void rethrow_from_thread(const std::exception_ptr& failure);

namespace detail {

inline void append(std::ostream& out, const std::vector<std::int64_t>& values) {
  out << '[';
  for (std::size_t i = 0; i < values.size(); ++i) out << (i ? ", " : "") << values[i];
  out << ']';
}
template <typename T>
void append(std::ostream& out, const T& value) {
  out << value;
}

[[noreturn]] void throw_error(const std::string& message);

}  // namespace detail

/// Joins its arguments into one text; vectors of integers print as [1, 2, 3]. Numbers look the same whatever locale and
/// rounding the program has set: such texts are hashed and written to files.
template <typename... Parts>
std::string text(const Parts&... parts) {
  const FloatEnvironment numbers;
  std::ostringstream out;
  out.imbue(std::locale::classic());
  (detail::append(out, parts), ...);
  return out.str();
}

/// Throws Error with the context path and the joined parts.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  detail::throw_error(text(parts...));
}

/// Checks a rule at the edge where user input arrives; throws Error when it does not hold.
template <typename... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail(parts...);
}

}  // namespace octet
