// SPDX-License-Identifier: Apache-2.0
#include "octet/base/error.h"

#include "octet/base/utf8.h"

namespace octet {
namespace {

thread_local std::vector<std::string_view> context;

// The names of all live scopes, each as `shown` gives it, joined by dots.
template <typename Shown>
std::string joined_context(Shown shown) {
  std::string joined;
  for (std::string_view name : context) {
    if (name.empty()) continue;
    if (!joined.empty()) joined += '.';
    joined += shown(name);
  }
  return joined;
}

}  // namespace

Error::Error(const std::string& message) : std::runtime_error(printable_lines(message)) {}

ContextScope::ContextScope(std::string_view name) { context.push_back(name); }

ContextScope::~ContextScope() { context.pop_back(); }

std::string ContextScope::path() {
  return joined_context([](std::string_view name) { return name; });
}

ContextSwitch::ContextSwitch(std::string_view path) : before_{path} { context.swap(before_); }

ContextSwitch::~ContextSwitch() { context.swap(before_); }

void rethrow_from_thread(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    detail::throw_error(error.what());
  }
}

void detail::throw_error(const std::string& message) {
  const std::string where = joined_context(printable);
  throw Error(where.empty() ? message : where + ": " + message);
}

}  // namespace octet
