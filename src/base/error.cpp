// SPDX-License-Identifier: Apache-2.0
#include "octet/base/error.h"

namespace octet {
namespace {

thread_local std::vector<std::string_view> context;

}  // namespace

ContextScope::ContextScope(std::string_view name) { context.push_back(name); }

ContextScope::~ContextScope() { context.pop_back(); }

std::string ContextScope::path() {
  std::string joined;
  for (std::string_view name : context) {
    if (name.empty()) continue;
    if (!joined.empty()) joined += '.';
    joined += name;
  }
  return joined;
}

void rethrow_from_thread(const std::exception_ptr& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (const Error& error) {
    detail::throw_error(error.what());
  }
}

void detail::throw_error(const std::string& message) {
  const std::string where = ContextScope::path();
  throw Error(where.empty() ? message : where + ": " + message);
}

}  // namespace octet
