// SPDX-License-Identifier: Apache-2.0
// The examples of FIPS 180-4, and the division of the input into calls.
#include "octet/base/sha256.h"

#include <gtest/gtest.h>

#include "octet/base/file.h"
#include "support/error_text.h"

namespace octet {
namespace {

constexpr std::string_view kTwoBlocks = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";

TEST(Sha256, GivesTheExamplesOfTheStandard) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(kTwoBlocks), "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrs"
                   "mnopqrstnopqrstu"),
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnTheDivisionIntoCalls) {
  const std::string text(300, 'z');
  const std::string whole = sha256(text);
  for (std::size_t step : {1, 3, 55, 56, 63, 64, 65, 128, 299}) {
    Sha256 hash;
    for (std::size_t i = 0; i < text.size(); i += step) hash.update(std::string_view(text).substr(i, step));
    EXPECT_EQ(hash.hex_digest(), whole) << step;
  }
}

TEST(Sha256, GoesOnAfterADigest) {
  Sha256 hash;
  hash.update("a");
  EXPECT_EQ(hash.hex_digest(), sha256("a"));
  EXPECT_EQ(hash.update("bc").hex_digest(), sha256("abc"));
}

TEST(Sha256, HashesFilesInPieces) {
  const std::string path = testing::TempDir() + "/sha256_test.bin";
  for (std::size_t size : {std::size_t{0}, std::size_t{1} << 20, (std::size_t{1} << 20) + 1, std::size_t{3} << 20}) {
    const std::string contents(size, 'q');
    write_file_atomically(path, contents);
    EXPECT_EQ(sha256_file(path), sha256(contents)) << size;
  }
}

TEST(Sha256, SaysWhichFileCannotBeRead) {
  EXPECT_EQ(test::error_text([] { sha256_file("/no/such/file"); }),
            "/no/such/file: cannot open: No such file or directory");
}

}  // namespace
}  // namespace octet
