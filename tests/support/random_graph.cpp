// SPDX-License-Identifier: Apache-2.0
#include "support/random_graph.h"

#include <algorithm>
#include <cmath>

#include "octet/graph/infer_shapes.h"
#include "support/dice.h"
#include "support/graph_builder.h"

namespace octet::test {
namespace {

using List = std::vector<std::int64_t>;

class Maker {
 public:
  Maker(std::uint64_t seed, std::int64_t batch) : dice_(seed), odd_(seed ^ 0x0DD), batch_(batch) {}

  Graph make() {
    const std::int64_t size = dice_.between(5, 12);
    add(builder_.input("x", {-1, dice_.pick({1, 3, 8, 16}), size, size + dice_.between(0, 2)}));
    inferred();
    const std::int64_t steps = dice_.between(3, 9);
    for (std::int64_t i = 0; i < steps; ++i) step();
    finish();
    return inferred();
  }

 private:
  Graph inferred() {
    Graph graph = builder_.finish({last_});
    Shape input = graph.values[static_cast<std::size_t>(graph.inputs[0])].shape;
    input[0] = batch_;
    infer_shapes(graph, {&input, 1});
    shapes_.clear();
    for (const Value& value : graph.values) shapes_.push_back(value.shape);
    return graph;
  }
  const Shape& shape(int v) const { return shapes_[static_cast<std::size_t>(v)]; }

  void add(int v) {
    last_ = v;
    images_.push_back(v);
  }
  int node(const std::string& op, std::vector<int> inputs, Attributes attributes = {}) {
    last_ = builder_.node(op, std::move(inputs), std::move(attributes));
    inferred();
    return last_;
  }
  int floats(const Shape& s, float low, float high) {
    std::vector<float> values(static_cast<std::size_t>(element_count(s)));
    for (float& v : values) v = dice_.uniform(low, high);
    return builder_.constant(s, values);
  }

  int image() { return images_[dice_.late(images_.size())]; }

  int quantized(int x) {
    if (dice_.one_in(3) && last_grid_ >= 0) return on_grid(x, last_grid_, last_zero_);  // grids that repeat
    const float scale = dice_.uniform(1.0F, 6.0F) / 255.0F;
    last_grid_ = builder_.scalar(scale);
    const std::int64_t offset = dice_.one_in(3) ? -128 : dice_.one_in(4) ? 0 : dice_.between(-128, 127);
    if (dice_.one_in(2))
      last_zero_ = builder_.scalar(static_cast<std::int8_t>(offset));
    else
      last_zero_ = builder_.scalar(static_cast<std::uint8_t>(offset + 128));
    return on_grid(x, last_grid_, last_zero_);
  }
  int on_grid(int x, int scale, int zero) {
    return node("dequantize", {node("quantize", {x, scale, zero}), scale, zero});
  }

  // An int8 constant with one scale, or one per index of `axis`.
  int weight(const Shape& s, std::int64_t axis, float magnitude) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(element_count(s)));
    for (std::int8_t& v : values)
      v = static_cast<std::int8_t>(dice_.one_in(20) ? (dice_.one_in(2) ? 127 : -128) : dice_.between(-127, 127));
    const Shape scales = dice_.one_in(3) ? Shape{} : Shape{s[static_cast<std::size_t>(axis)]};
    std::vector<float> steps(static_cast<std::size_t>(element_count(scales)));
    for (float& v : steps) v = dice_.uniform(0.3F * magnitude, magnitude);
    if (odd_.one_in(6)) make_a_constant_channel(s, axis, values, steps);
    const int q = builder_.constant(s, values), scale = builder_.constant(scales, steps);
    const int zero =
        builder_.constant(scales, std::vector<std::int8_t>(static_cast<std::size_t>(element_count(scales)), 0));
    return node("dequantize", {q, scale, zero}, {{"axis", axis}});
  }

  // A channel whose bias has no place on the scale of its sums: of zeros, or of a scale that is tiny, no normal float
  // with that of the input, or so that the bias is about the largest that int32 holds.
  void make_a_constant_channel(const Shape& s, std::int64_t axis, std::vector<std::int8_t>& values,
                               std::vector<float>& steps) {
    const std::int64_t channels = s[static_cast<std::size_t>(axis)], channel = odd_.between(0, channels - 1);
    const std::int64_t run = element_count(s) / (axis == 0 ? channels : s[0] * channels);
    if (odd_.one_in(2))
      for (std::size_t i = 0; i < values.size(); ++i)
        if (static_cast<std::int64_t>(i) / run % channels == channel) values[i] = 0;
    const float factors[] = {1.0F, 1e-7F, 3e-6F, 1e-20F, 1e-37F, 1e6F};
    steps[steps.size() == 1 ? 0 : static_cast<std::size_t>(channel)] *= factors[odd_.between(0, 5)];
  }

  void finish_layer(const std::string& op, std::vector<int> inputs, std::int64_t channels, Attributes attributes) {
    if (!dice_.one_in(3)) inputs.push_back(floats({channels}, -0.5F, 0.5F));
    add(node(op, std::move(inputs), std::move(attributes)));
  }

  void conv() {
    const int x = image();
    const std::int64_t channels = shape(x)[1], kernel = dice_.pick({1, 2, 3, 3, 5});
    const std::int64_t groups = dice_.one_in(4) && channels % 2 == 0 ? 2 : dice_.one_in(8) ? channels : 1;
    const std::int64_t out = groups * (groups > 2 ? dice_.pick({1, 2}) : dice_.pick({1, 4, 8, 16, 16, 24}));
    const List padding{dice_.between(0, kernel / 2), dice_.between(0, kernel / 2)};
    const std::int64_t dilation = dice_.one_in(6) ? 2 : 1;
    if (dilation * (kernel - 1) + 1 > std::min(shape(x)[2] + 2 * padding[0], shape(x)[3] + 2 * padding[1])) return;
    const Attributes options{{"stride", List{dice_.pick({1, 1, 2}), dice_.pick({1, 1, 2})}},
                             {"padding", padding},
                             {"dilation", List{dilation, dilation}},
                             {"groups", groups}};
    const Shape w{out, channels / groups, kernel, kernel};
    const float magnitude = 1.5F / std::sqrt(static_cast<float>(channels / groups * kernel * kernel));
    if (dice_.one_in(8)) return finish_layer("conv2d", {x, floats(w, -magnitude, magnitude)}, out, options);
    const int q = quantized(x);
    finish_layer("conv2d", {q, weight(w, 0, magnitude / 70.0F)}, out, options);
  }

  void conv_transpose() {
    const int x = image();
    const std::int64_t channels = shape(x)[1], kernel = dice_.pick({2, 3, 4});
    const std::int64_t groups = dice_.one_in(2) && channels % 2 == 0 ? 2 : 1;
    const std::int64_t per_group = dice_.pick({1, 4, 8});
    const std::int64_t stride = dice_.pick({1, 2});
    if (shape(x)[2] > 14 || shape(x)[3] > 16 || shape(x)[2] < 3 || shape(x)[3] < 3) return;
    const Attributes options{{"stride", List{stride, stride}},
                             {"padding", List{dice_.between(0, 1), dice_.between(0, 1)}},
                             {"output_padding", List{dice_.between(0, stride - 1), dice_.between(0, stride - 1)}},
                             {"dilation", List{1, 1}},
                             {"groups", groups}};
    const Shape w{channels, per_group, kernel, kernel};
    const float magnitude = 1.5F / std::sqrt(static_cast<float>(channels * kernel * kernel / (stride * stride)));
    if (dice_.one_in(8))
      return finish_layer("conv_transpose2d", {x, floats(w, -magnitude, magnitude)}, per_group * groups, options);
    const int q = quantized(x);
    finish_layer("conv_transpose2d", {q, weight(w, 1, magnitude / 70.0F)}, per_group * groups, options);
  }

  // A sum of two images of one shape, either of which may have been quantized on the way.
  void residual() {
    const int a = image();
    for (std::size_t i = images_.size(); i-- > 0;) {
      const int b = images_[i];
      if (b == a || shape(b) != shape(a)) continue;
      const int left = dice_.one_in(2) ? quantized(a) : a, right = dice_.one_in(2) ? quantized(b) : b;
      return add(node("add", {left, right}));
    }
  }

  void pool(const std::string& op) {
    int x = image();
    if (shape(x)[2] < 3 || shape(x)[3] < 3) return;
    if (dice_.one_in(2)) x = quantized(x);
    const std::int64_t kernel = dice_.pick({2, 3});
    Attributes options{{"kernel_size", List{kernel, kernel}},
                       {"stride", List{dice_.pick({1, 2}), dice_.pick({1, 2})}},
                       {"padding", List{dice_.between(0, 1), dice_.between(0, 1)}},
                       {"ceil_mode", false}};
    if (op == "max_pool2d")
      options["dilation"] = List{1, 1};
    else
      options["count_include_pad"] = dice_.one_in(2);
    add(node(op, {x}, options));
  }

  void cat() {
    const int a = image();
    for (std::size_t i = images_.size(); i-- > 0;) {
      const int b = images_[i];
      if (shape(b)[2] != shape(a)[2] || shape(b)[3] != shape(a)[3] || shape(a)[1] + shape(b)[1] > 48) continue;
      const int left = dice_.one_in(2) ? quantized(a) : a;
      const int right = dice_.one_in(2) && last_grid_ >= 0 ? on_grid(b, last_grid_, last_zero_) : b;
      return add(node("cat", {left, right}, {{"dim", std::int64_t{1}}}));
    }
  }

  void batch_norm() {
    const int x = image();
    const Shape c{shape(x)[1]};
    add(node("batch_norm",
             {x, floats(c, -1.0F, 1.5F), floats(c, -0.5F, 0.5F), floats(c, -0.2F, 0.2F), floats(c, 0.3F, 2.0F)},
             {{"eps", static_cast<double>(1e-5F)}}));
  }

  void step() {
    switch (dice_.between(0, 10)) {
      case 0:
      case 1:
      case 2:
      case 3:
        conv();
        if (dice_.one_in(2)) add(node("relu", {images_.back()}));
        break;
      case 4:
        conv_transpose();
        break;
      case 5:
      case 6:
        residual();
        if (dice_.one_in(2)) add(node("relu", {images_.back()}));
        break;
      case 7:
        pool("max_pool2d");
        break;
      case 8:
        dice_.one_in(2) ? pool("avg_pool2d") : batch_norm();
        break;
      case 9:
        cat();
        break;
      default:
        add(node("clip", {image()}, {{"min", -1.0}, {"max", dice_.one_in(2) ? 1.5 : 0.75}}));
    }
  }

  void finish() {
    conv();
    last_ = images_.back();
    if (dice_.one_in(4)) return;
    int x = images_.back();
    if (dice_.one_in(2)) x = node("adaptive_avg_pool2d", {x}, {{"output_size", List{1, 1}}});
    if (dice_.one_in(2)) x = quantized(x);
    x = node("flatten", {x}, {{"start_dim", std::int64_t{1}}, {"end_dim", std::int64_t{-1}}});
    const std::int64_t in = shape(x)[1], out = dice_.pick({3, 10, 64});
    if (in > 4096) return;
    const float magnitude = 1.5F / std::sqrt(static_cast<float>(in));
    const bool transposed = dice_.one_in(2);
    const int q = quantized(x);
    const int w = weight(transposed ? Shape{in, out} : Shape{out, in}, transposed ? 1 : 0, magnitude / 70.0F);
    finish_layer("linear", {q, w}, out, {{"transposed_weight", transposed}});
  }

  Dice dice_, odd_;  // odd_: what was added later, so that all else stays as it was
  std::int64_t batch_;
  GraphBuilder builder_;
  std::vector<Shape> shapes_;
  std::vector<int> images_;
  int last_ = -1, last_grid_ = -1, last_zero_ = -1;
};

}  // namespace

Graph random_graph(std::uint64_t seed, std::int64_t batch) { return Maker(seed, batch).make(); }

std::vector<float> random_input(const Graph& graph, std::uint64_t seed) {
  Dice dice(seed ^ 0x5EED);
  std::vector<float> values(
      static_cast<std::size_t>(element_count(graph.values[static_cast<std::size_t>(graph.inputs[0])].shape)));
  for (float& v : values) v = dice.uniform(-1.5F, 1.5F);
  return values;
}

}  // namespace octet::test
