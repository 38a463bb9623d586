// SPDX-License-Identifier: Apache-2.0
#include "octet/base/descriptor.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

TEST(InputFile, ReadsInPiecesUntilTheEnd) {
  const std::string path = testing::TempDir() + "/octet_input_file";
  write_file_atomically(path, "0123456789");
  detail::InputFile file(path);
  EXPECT_EQ(file.reported_size(), 10U);
  std::vector<std::byte> buffer(7);
  EXPECT_EQ(file.read(buffer), 7U);
  EXPECT_EQ(file.read(buffer), 3U);
  EXPECT_EQ(static_cast<char>(buffer[0]), '7');
  EXPECT_EQ(file.read(buffer), 0U);
}

TEST(InputFile, ReportsNoSizeForProc) { EXPECT_EQ(detail::InputFile("/proc/self/status").reported_size(), 0U); }

TEST(InputFile, RefusesFolders) {
  EXPECT_EQ(test::error_text([] { detail::InputFile file("/proc"); }), "/proc: cannot read: Is a directory");
}

TEST(FailErrno, NamesPathActionAndReason) {
  EXPECT_EQ(test::error_text([] { detail::fail_errno("/a/b", "cannot write", ENOSPC); }),
            "/a/b: cannot write: No space left on device");
}

}  // namespace
}  // namespace octet
