// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file_format.h"

#include <gtest/gtest.h>

#include "support/error_text.h"

namespace octet {
namespace {

using test::error_text;

constexpr FileFormat kFormat = {"octet thing", 4, 3};

std::string error_of(const char* said) {
  return error_text([&] { require_readable(kFormat, said, "a/file"); });
}

TEST(FileFormat, SaysKindAndVersion) { EXPECT_EQ(to_text(kFormat), "octet thing 4"); }

TEST(FileFormat, ReadsFromTheOldestToTheNewest) {
  EXPECT_NO_THROW(require_readable(kFormat, "octet thing 3", "a/file"));
  EXPECT_NO_THROW(require_readable(kFormat, "octet thing 4", "a/file"));
  EXPECT_EQ(error_of("octet thing 2"),
            R"(a/file: the format is "octet thing 2", which is read no longer; the oldest that is: "octet thing 3")");
}

TEST(FileFormat, RefusesANewerOneWithTheRemedy) {
  EXPECT_EQ(error_of("octet thing 5"),
            R"(a/file: the format is "octet thing 5", which a newer Octet wrote; this one knows "octet thing 4" at )"
            R"(most: update Octet to read the file)");
  EXPECT_NE(error_of("octet thing 99999999999999999999").find("newer"), std::string::npos);
}

TEST(FileFormat, RefusesWhatIsNoVersionOfItsKind) {
  for (const char* said :
       {"", "pt", "octet thing", "octet thing ", "octet thing x", "octet thing -1", "octet things 3", "octet thing 3 "})
    EXPECT_NE(error_of(said).find(R"(", expected "octet thing 4")"), std::string::npos) << said;
}

TEST(FileFormat, KnowsWhatIsNewer) {
  EXPECT_TRUE(is_newer(kFormat, "octet thing 5"));
  for (const char* said : {"octet thing 4", "octet thing 1", "pt", ""}) EXPECT_FALSE(is_newer(kFormat, said)) << said;
}

}  // namespace
}  // namespace octet
