// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/quant_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "octet/base/rng.h"
#include "octet/compat/float16.h"
#include "octet/compat/packed_scale.h"
#include "support/error_text.h"
#include "support/golden_vectors.h"

namespace octet::deploy {
namespace {

using test::error_text;
using test::Golden;
using test::golden_float;
using test::GoldenJson;
using test::GoldenReport;

Size2 size_of(const GoldenJson& pair) { return {pair.at(0).get<std::int64_t>(), pair.at(1).get<std::int64_t>()}; }

QuantConv2dOptions options_of(const Golden& golden) {
  QuantConv2dOptions o{.in_channels = golden.at("in_channels").get<std::int64_t>(),
                       .out_channels = golden.at("out_channels").get<std::int64_t>(),
                       .kernel_size = size_of(golden.at("kernel_size").whole())};
  o.stride = size_of(golden.at("stride").whole());
  o.padding = size_of(golden.at("padding").whole());
  o.dilation = size_of(golden.at("dilation").whole());
  o.groups = golden.at("groups").get<std::int64_t>();
  o.offset_x = golden.at("offset_x").get<std::int64_t>();
  o.output_dtype = golden.at("output_dtype").get<std::string>();
  o.bias = golden.contains("bias") && golden.at("bias").get<bool>();
  if (golden.contains("round_mode")) o.round_mode = golden.at("round_mode").get<std::string>();
  return o;
}

QuantScale scale_of(const Golden& scale) {
  if (scale.peek().at("dtype") == "int64") return test::golden_integers<std::int64_t>(scale);
  return test::golden_floats(scale);
}

// Where the bits are compared, the values are too: they must be what the bits say.
void expect_float16(const QuantOutput& y, const Golden& golden) {
  const GoldenJson& expected = golden.whole();
  EXPECT_EQ(y.shape, expected.at("shape").get<Shape>());
  EXPECT_EQ(y.float16, expected.at("bits").get<std::vector<std::uint16_t>>());
  const std::vector<float> values = test::golden_floats(golden);
  ASSERT_EQ(values.size(), y.float16.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(float16_bits(values[i]), y.float16[i]) << "element " << i;
}

void check_convolution(const Golden& c) {
  QuantConv2dOptions options = options_of(c.at("args"));
  QuantParameters parameters{test::golden_integers<std::int8_t>(c.at("weight")), scale_of(c.at("scale"))};
  if (!c.at("bias").is_null()) parameters.bias = test::golden_integers<std::int32_t>(c.at("bias"));
  const Int8Tensor x{test::golden_shape(c.at("input")), test::golden_integers<std::int8_t>(c.at("input"))};
  const Golden expected = c.at("expected");
  expect_float16(QuantConv2d(options, parameters).forward(x), expected.at("output"));

  const auto packed = test::golden_integers<std::int64_t>(expected.at("packed_scale"));
  if (const auto* const scales = std::get_if<std::vector<float>>(&parameters.scale)) {
    std::vector<std::int64_t> ours;
    for (const float scale : *scales) ours.push_back(pack_scale(scale));
    EXPECT_EQ(ours, packed);
  } else {
    EXPECT_EQ(std::get<std::vector<std::int64_t>>(parameters.scale), packed);
  }
  std::vector<float> effective;
  for (const std::int64_t scale : packed) effective.push_back(unpack_scale(scale));
  EXPECT_TRUE(test::equal_bits(effective, test::golden_floats(expected.at("effective_scale"))));

  // With scales of 1 and float32 output the sums come out, rounded to float32.
  options.output_dtype = "float32";
  parameters.scale = std::vector<float>(packed.size(), 1.0F);
  const QuantOutput sums = QuantConv2d(options, parameters).forward(x);
  EXPECT_EQ(sums.shape, test::golden_shape(expected.at("accumulator")));
  EXPECT_TRUE(test::equal_bits(sums.float32, test::golden_floats(expected.at("accumulator"))));
}

void check_packing(const Golden& c) {
  std::optional<float> offset;
  if (!c.at("offset").is_null()) offset = golden_float(c.at("offset"));
  const std::int64_t packed = pack_scale(golden_float(c.at("scale")), offset);
  EXPECT_EQ(packed, c.at("packed").get<std::int64_t>());
  EXPECT_TRUE(test::equal_bits({unpack_scale(packed)}, test::golden_floats(c.at("unpacked_scale"))));
}

// What torch_npu refuses, by the word that its reason begins or ends with.
std::string argument_of(const std::string& reason) {
  if (reason.ends_with("float16")) return "output_dtype";
  if (reason.ends_with("rint")) return "round_mode";
  return reason.substr(0, reason.find(' '));
}

void check_refusal(GoldenReport& report, const Golden& c) {
  const QuantConv2dOptions o = options_of(c.at("args"));
  const std::string argument = argument_of(c.at("reason").get<std::string>());
  const std::int64_t weights = o.out_channels * o.in_channels * o.kernel_size.h * o.kernel_size.w;
  QuantParameters parameters{
      std::vector<std::int8_t>(static_cast<std::size_t>(std::max<std::int64_t>(weights, 0))),
      std::vector<float>(static_cast<std::size_t>(std::max<std::int64_t>(o.out_channels, 0)), 1.0F)};
  if (o.groups > 1) parameters.weight.resize(static_cast<std::size_t>(weights / o.groups));
  const std::string error = error_text([&] { const QuantConv2d layer(o, parameters); });
  if (error == "no error" && argument == "output_dtype") return report.except("float32");
  if (error == "no error" && argument == "groups") return report.except("groups");
  EXPECT_TRUE(error.starts_with("QuantConv2d: " + argument)) << argument << ": " << error;
}

TEST(QuantGolden, QuantConv2d) {
  GoldenReport report("quant_conv2d.json");
  report.each("cases", check_convolution);
  report.each("scale_packing", check_packing);
  report.each("invalid_args", [&](const Golden& c) { check_refusal(report, c); });
}

QuantConv2dOptions small_options() { return {.in_channels = 2, .out_channels = 4, .kernel_size = 1}; }
QuantParameters small_parameters() {
  return {std::vector<std::int8_t>(8, 1), std::vector<float>(4, 0.5F), {0, 0, 0, 0}};
}

std::string error_of(const std::function<void(QuantConv2dOptions&, QuantParameters&)>& change) {
  QuantConv2dOptions o = small_options();
  QuantParameters p = small_parameters();
  change(o, p);
  return error_text([&] { const QuantConv2d layer(o, p); });
}

TEST(QuantConv2d, NamesTheLimitThatIsBroken) {
  EXPECT_EQ(error_of([](auto& o, auto&) {
              o.kernel_size = {1, 256};
            }),
            "QuantConv2d: kernel_size must be from 1 to 255, got 1x256");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.stride = 64; }), "QuantConv2d: stride must be from 1 to 63, got 64x64");
  EXPECT_EQ(error_of([](auto& o, auto&) {
              o.padding = {0, -1};
            }),
            "QuantConv2d: padding must be from 0 to 255, got 0x-1");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.dilation = 0; }), "QuantConv2d: dilation must be from 1 to 255, got 0x0");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.offset_x = 128; }),
            "QuantConv2d: offset_x must be from -128 to 127, got 128");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.groups = 3; }),
            "QuantConv2d: groups 3 must divide in_channels 2 and out_channels 4");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.round_mode = "floor"; }),
            "QuantConv2d: round_mode must be rint, got \"floor\"");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.output_dtype = "int8"; }),
            "QuantConv2d: output_dtype must be float16 or float32, got \"int8\"");
  EXPECT_EQ(error_of([](auto&, auto& p) { p.weight.pop_back(); }), "QuantConv2d: weight must have 8 values, has 7");
  EXPECT_EQ(error_of([](auto&, auto& p) { p.scale = std::vector<float>(3); }),
            "QuantConv2d: scale must have 4 values, has 3");
  EXPECT_EQ(error_of([](auto& o, auto&) { o.bias = false; }), "QuantConv2d: bias must have 0 values, has 4");
  EXPECT_EQ(error_of([](auto& o, auto& p) {
              o.in_channels = 1 << 18;
              p.weight.resize(4 << 18);
            }),
            "QuantConv2d: sums of 262144 products could leave int32");
}

TEST(QuantConv2d, NamesWhatDoesNotFitInItsInput) {
  const QuantConv2d layer(small_options(), small_parameters());
  EXPECT_EQ(error_text([&] {
              layer.forward({{2, 1, 1}, {1, 1}});
            }),
            "QuantConv2d: the input must be [N, C, H, W], is [2, 1, 1]");
  EXPECT_EQ(error_text([&] {
              layer.forward({{1, 3, 1, 1}, {1, 1, 1}});
            }),
            "QuantConv2d: the input must have 2 channels, is [1, 3, 1, 1]");
  EXPECT_EQ(error_text([&] {
              layer.forward({{1, 2, 2, 1}, {1}});
            }),
            "QuantConv2d: the input [1, 2, 2, 1] has 1 values");
  QuantParameters heavy = small_parameters();
  heavy.bias[1] = 2147483647;
  EXPECT_EQ(error_text([&] {
              QuantConv2d(small_options(), heavy).forward({{1, 2, 1, 1}, {1, 1}});
            }),
            "QuantConv2d: the sum 2147483649 of channel 1 leaves int32");
  QuantConv2dOptions wide = small_options();
  wide.kernel_size = {3, 1};
  QuantParameters parameters = small_parameters();
  parameters.weight.resize(24, 1);
  EXPECT_EQ(error_text([&] {
              QuantConv2d(wide, parameters).forward({{1, 2, 2, 1}, {1, 1, 1, 1}});
            }),
            "QuantConv2d: the output would be empty (input [1, 2, 2, 1], kernel_size 3x1, padding 0x0, dilation 1x1)");
}

// acc by the definition, on the image with offset_x around it and (transposed) between its cells.
std::int64_t sum_by_definition(const QuantConvTranspose2dOptions& o, const Int8Tensor& x,
                               const std::vector<std::int8_t>& weight, std::int64_t c, std::int64_t row,
                               std::int64_t column) {
  const std::int64_t in_group = o.in_channels / o.groups, out_group = o.out_channels / o.groups;
  std::int64_t sum = 0;
  for (std::int64_t k = 0; k < in_group; ++k)
    for (std::int64_t i = 0; i < o.kernel_size.h; ++i)
      for (std::int64_t j = 0; j < o.kernel_size.w; ++j) {
        const std::int64_t channel = c / out_group * in_group + k;
        const std::int64_t h = row + o.padding.h - i * o.dilation.h, w = column + o.padding.w - j * o.dilation.w;
        std::int64_t value = o.offset_x;
        if (h >= 0 && w >= 0 && h % o.stride.h == 0 && w % o.stride.w == 0 && h / o.stride.h < x.shape[2] &&
            w / o.stride.w < x.shape[3])
          value =
              x.values[static_cast<std::size_t>((channel * x.shape[2] + h / o.stride.h) * x.shape[3] + w / o.stride.w)];
        sum += value * weight[static_cast<std::size_t>(
                           ((channel * out_group + c % out_group) * o.kernel_size.h + i) * o.kernel_size.w + j)];
      }
  return sum;
}

std::vector<std::int8_t> random_bytes(std::int64_t count, Rng& rng) {
  std::vector<std::int8_t> bytes(static_cast<std::size_t>(count));
  for (std::int8_t& b : bytes) b = static_cast<std::int8_t>(static_cast<int>(rng.below(256)) - 128);
  return bytes;
}

TEST(QuantConvTranspose2d, SumsAsTheDefinitionSays) {
  Rng rng(3);
  for (const std::int64_t groups : {1, 2}) {
    const QuantConvTranspose2dOptions o{.in_channels = 4,
                                        .out_channels = 6,
                                        .kernel_size = {3, 2},
                                        .stride = {2, 1},
                                        .padding = {1, 0},
                                        .output_padding = {1, 0},
                                        .groups = groups,
                                        .offset_x = 17,
                                        .output_dtype = "float32"};
    const QuantParameters p{random_bytes(4 * 6 / groups * 6, rng), std::vector<float>(6, 0.25F), {1, 2, 3, 4, 5, 6}};
    const Int8Tensor x{{1, 4, 3, 5}, random_bytes(60, rng)};
    const QuantOutput y = QuantConvTranspose2d(o, p).forward(x);
    ASSERT_EQ(y.shape, (Shape{1, 6, 6, 6}));
    for (std::int64_t c = 0; c < 6; ++c)
      for (std::int64_t i = 0; i < 36; ++i)
        EXPECT_EQ(y.float32[static_cast<std::size_t>(c * 36 + i)],
                  static_cast<float>(sum_by_definition(o, x, p.weight, c, i / 6, i % 6) +
                                     p.bias[static_cast<std::size_t>(c)]) *
                      0.25F);
  }
}

TEST(QuantConvTranspose2d, NamesTheArgumentAndItsLimits) {
  const QuantConvTranspose2dOptions small{.in_channels = 2, .out_channels = 3, .kernel_size = 1};
  const QuantParameters parameters{std::vector<std::int8_t>(6), std::vector<float>(3, 1.0F), {0, 0, 0}};
  EXPECT_EQ(QuantConvTranspose2d(small, parameters).forward({{1, 2, 4, 5}, std::vector<std::int8_t>(40)}).shape,
            (Shape{1, 3, 4, 5}));
  const auto error_of = [&](auto&& change) {
    QuantConvTranspose2dOptions o = small;
    change(o);
    return error_text([&] { QuantConvTranspose2d(o, parameters); });
  };
  EXPECT_EQ(error_of([](auto& o) {
              o.output_padding = {0, 1};
            }),
            "QuantConvTranspose2d: output_padding must be smaller than stride or dilation, got 0x1");
  EXPECT_EQ(error_of([](auto& o) { o.stride = 64; }), "QuantConvTranspose2d: stride must be from 1 to 63, got 64x64");
  EXPECT_EQ(error_of([](auto& o) { o.offset_x = 128; }),
            "QuantConvTranspose2d: offset_x must be from -128 to 127, got 128");
  EXPECT_EQ(error_of([](auto& o) { o.out_channels = 2; }), "QuantConvTranspose2d: weight must have 4 values, has 6");
}

TEST(QuantLinear, MultipliesRows) {
  const QuantLinearOptions o{.in_features = 2, .out_features = 3, .offset_x = 5, .output_dtype = "float32"};
  const QuantParameters p{{1, 2, 3, 4, -5, 6}, std::vector<float>{1.0F, 0.5F, 2.0F}, {10, 20, 30}};
  const QuantOutput y = QuantLinear(o, p).forward({{2, 1, 2}, {1, 2, -3, 4}});
  EXPECT_EQ(y.shape, (Shape{2, 1, 3}));
  EXPECT_EQ(y.float32, (std::vector<float>{15.0F, 15.5F, 74.0F, 15.0F, 13.5F, 138.0F}));
  EXPECT_EQ(error_text([&] {
              QuantLinear(o, p).forward({{2, 3}, {0, 0, 0, 0, 0, 0}});
            }),
            "QuantLinear: the input must be [..., 2], is [2, 3]");
}

TEST(Float16, RoundsEveryHalfToItselfAndTiesToEven) {
  for (std::uint32_t bits = 0; bits < 0x7C00U; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float16_value(half), next = float16_value(static_cast<std::uint16_t>(bits + 1));
    EXPECT_EQ(float16_bits(value), half);
    EXPECT_EQ(float16_bits(-value), half | 0x8000U);
    if (bits + 1 >= 0x7C00U) continue;
    const float middle = 0.5F * (value + next);
    EXPECT_EQ(float16_bits(middle), bits % 2 == 0 ? bits : bits + 1);
    EXPECT_EQ(float16_bits(std::nextafter(middle, 0.0F)), bits);
    EXPECT_EQ(float16_bits(std::nextafter(middle, 1e9F)), bits + 1);
  }
  EXPECT_EQ(float16_bits(65519.99F), 0x7BFFU);
  EXPECT_EQ(float16_bits(65520.0F), 0x7C00U);
  EXPECT_EQ(float16_bits(INFINITY), 0x7C00U);
}

}  // namespace
}  // namespace octet::deploy
