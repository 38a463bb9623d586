// SPDX-License-Identifier: Apache-2.0
#include "octet/shell_quote.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

namespace {

TEST(ShellQuote, LeavesPlainPathsAlone) {
  EXPECT_EQ(shell_quote("runs/demo-2/experiment.json"), "runs/demo-2/experiment.json");
  EXPECT_EQ(shell_quote(""), "''");
}

TEST(ShellQuote, MakesNoOptionOfAPath) { EXPECT_EQ(shell_quote("-run"), "./-run"); }

TEST(ShellQuote, WritesNothingThatATerminalObeys) {
  EXPECT_EQ(shell_quote("a\x1b[2J"), "$'a\\033[2J'");
  EXPECT_EQ(shell_quote("\xC2\x9B"
                        "2J"),
            "$'\\302\\2332J'");
  EXPECT_EQ(shell_quote("\xff'\\"), "$'\\377\\'\\\\'");
}

TEST(ShellQuote, GivesAShellTheSameWordAgain) {
  for (const std::string word : {"a b", "it's", "\"x\"", "$HOME", "`id`", "a;b", "a*b", "~", "#a", "a\nb\n",
                                 "Gr\xC3\xB6\xC3\x9F"
                                 "e",
                                 "a\\b", "!x", "\xff", "a&b|c", "{a,b}", "tab\there"}) {
    const std::string command = "bash -c 'IFS= read -rd \"\" w; eval \"set -- $w\"; printf %s \"$1\"'";
    const std::string file = testing::TempDir() + "/shell_quote";
    std::FILE* const written = std::fopen(file.c_str(), "wb");
    const std::string quoted = shell_quote(word);
    std::fwrite(quoted.data(), 1, quoted.size(), written);
    std::fclose(written);
    std::FILE* const pipe = popen((command + " < " + file).c_str(), "r");
    std::string read;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) read += static_cast<char>(c);
    pclose(pipe);
    EXPECT_EQ(read, word) << quoted;
  }
}

}  // namespace
