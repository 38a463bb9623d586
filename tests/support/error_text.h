// SPDX-License-Identifier: Apache-2.0
// What an Error says, for tests that assert the whole message.
#pragma once

#include <functional>
#include <string>

#include "octet/base/error.h"

namespace octet::test {

/// The message of the Error that `run` throws; "no error" if it returns.
inline std::string error_text(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace octet::test
