// SPDX-License-Identifier: Apache-2.0
#include "octet/base/descriptor.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "support/error_text.h"

namespace octet {
namespace {

TEST(FailErrno, NamesPathActionAndReason) {
  EXPECT_EQ(test::error_text([] { detail::fail_errno("/a/b", "cannot write", ENOSPC); }),
            "/a/b: cannot write: No space left on device");
}

TEST(FailErrno, ShowsLittleOfALongPath) {
  const std::string path = "/" + std::string(100'000, 'a');
  EXPECT_EQ(test::error_text([&] { detail::fail_errno(path, "cannot open", ENAMETOOLONG); }),
            "/" + std::string(139, 'a') + "..." + std::string(60, 'a') +
                " (100001 characters): cannot open: File name too long");
}

}  // namespace
}  // namespace octet
