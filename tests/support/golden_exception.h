// SPDX-License-Identifier: Apache-2.0
// What an entry of the list of exceptions says, see golden_exceptions.h.
#pragma once

#include <string_view>
#include <vector>

#include "support/golden_value.h"

namespace octet::test {

struct GoldenException {
  std::string_view file, kind;
  std::string_view deviation;  ///< its number in the specification; "": it has none
  std::string_view reason;
  /// The cases of the vectors that come with the tests, '*' standing for any characters; each must occur, and no other
  /// may. Empty: none of them, but other vectors may have some.
  std::vector<std::string_view> cases;
  /// Whether a case is of this kind, whatever its name: what holds for all vectors.
  bool (*concerns)(const GoldenJson& c);
  /// What is not compared then. Most exceptions leave nothing out: a test asserts what Octet does instead.
  std::vector<std::string_view> fields = {};
};

/// What is in the files for people, or for judging tolerances.
struct GoldenCommentary {
  std::string_view file, field, reason;
};

}  // namespace octet::test
