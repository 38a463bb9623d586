// SPDX-License-Identifier: Apache-2.0
#include "octet/columns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace {

using testing::EndsWith;
using testing::StartsWith;

TEST(Columns, CountWideCharactersTwice) {
  EXPECT_EQ(display_width(""), 0U);
  EXPECT_EQ(display_width("conv1"), 5U);
  EXPECT_EQ(display_width("Größe"), 5U);
  EXPECT_EQ(display_width("猫と犬"), 6U);
}

TEST(Columns, ShortenNamesInTheMiddle) {
  EXPECT_EQ(shortened("layer1.0.conv1", 14), "layer1.0.conv1");
  EXPECT_EQ(shortened("layer1.0.conv1", 10), "lay...onv1");
  EXPECT_EQ(shortened("layer1.0.conv1", 3), "lay");
  for (std::size_t columns = 0; columns < 20; ++columns) {
    EXPECT_LE(display_width(shortened("猫猫猫猫猫猫猫猫猫猫", columns)), columns);
    EXPECT_LE(display_width(shortened("a猫b猫c猫d猫e猫f猫", columns)), columns);
  }
}

TEST(Columns, WriteNumbersWithTheDecimalsThatFit) {
  EXPECT_EQ(number(0.21174, 6, 4), "0.2117");
  EXPECT_EQ(number(12.34567, 6, 4), "12.346");
  EXPECT_EQ(number(123456, 6, 4), "123456");
  EXPECT_EQ(number(1234567, 6, 4), "1.2e+06");
  EXPECT_EQ(megabytes(312345), "0.31 MB");
  EXPECT_EQ(megabytes(1.2e9), "1.20 GB");
}

TEST(Columns, OfAProgressLineAreNeverMoreThanTheWindowHas) {
  const std::string text = "11200 img/s  loss 0.2117  1:02:03 left", wide = "猫猫猫猫猫 img/s  loss 0.2117";
  for (std::size_t columns = 0; columns < 120; ++columns) {
    EXPECT_LE(display_width(progress_line("12/300", 0.5, text, columns)), columns);
    EXPECT_LE(display_width(progress_line("12/300", 1.0, wide, columns)), columns);
  }
  EXPECT_THAT(progress_line("12/300", 0.5, text, 200), StartsWith("   12/300  [############............]  50 %  "));
  EXPECT_THAT(progress_line("12/300", 0.5, text, 80), EndsWith(text));
}

TEST(Columns, AreThoseThatTheEnvironmentAllows) {
  setenv("COLUMNS", "40", /*overwrite=*/1);
  EXPECT_LE(window_columns(), 40U);
  unsetenv("COLUMNS");
  EXPECT_GT(window_columns(), 0U);
}

}  // namespace
