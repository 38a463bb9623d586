// SPDX-License-Identifier: Apache-2.0
// Messages whose end is worded by a library that we use: other versions of it say it in other words.
#pragma once

#include <gmock/gmock.h>

#include <string>

namespace octet::test {

/// Matches `ours`, followed by something that is not what libraries tell programmers.
inline auto ends_in_library_words(const std::string& ours) {
  using namespace testing;
  return AllOf(StartsWith(ours), SizeIs(Gt(ours.size() + 5)), Not(HasSubstr("exception")));
}

}  // namespace octet::test
