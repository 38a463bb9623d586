// SPDX-License-Identifier: Apache-2.0
// Each value of the graph is known in up to two forms: as a float tensor, and as a u8 tensor that it equals once
// dequantized. A step takes the form that suits it; the float form of a quantized value is computed only if somebody
// needs it. Max pooling and reshaping commute with quantization, so they stay in u8.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "octet/base/error.h"
#include "octet/base/utf8.h"
#include "octet/deploy/constant_bytes.h"
#include "octet/deploy/int8_constants.h"
#include "octet/deploy/pool_windows.h"
#include "octet/deploy/program.h"
#include "octet/deploy/quantized_constants.h"
#include "octet/graph/attributes.h"

namespace octet::deploy {
namespace {

// What is known of a value of the graph.
struct Form {
  int real = -1;            // float tensor
  Operand quantized = {};   // u8 tensor and what it stands for
  bool integers = false;    // the value is the integers themselves, between QuantizeLinear and DequantizeLinear
  bool is_signed = false;   // of those: int8, so that u8 is 128 more
  bool from_input = false;  // the network's input as it was given
};

bool same(const Int8Scale& a, const Int8Scale& b) { return a.scale == b.scale && a.zero_point == b.zero_point; }

// Nodes that read each value; a node that reads it twice is there twice.
std::vector<std::vector<int>> readers_of(const Graph& graph) {
  std::vector<std::vector<int>> readers(graph.values.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    for (const int value : graph.nodes[i].inputs)
      if (value >= 0) readers[static_cast<std::size_t>(value)].push_back(static_cast<int>(i));
  return readers;
}

// Of what is made of constants: scales, biases, windows, weights in another form. Many nodes may read one constant, so
// that the size of the file is no bound.
constexpr std::int64_t kMostConstantBytes = std::int64_t{1} << 30;

class Lowering {
 public:
  Lowering(const Graph& graph, SharedConstants& shared, Obstacles* found)
      : graph_(graph), shared_(shared), found_(found), forms_(graph.values.size()), readers_(readers_of(graph)) {}

  Program run() {
    require((found_ || graph_.inputs.size() == 1) && graph_.outputs.size() == 1,
            "the model must have one input and one output, has ", graph_.inputs.size(), " and ", graph_.outputs.size());
    for (std::size_t i = 1; i < graph_.inputs.size(); ++i)
      form(graph_.inputs[i]).real = add_tensor(shape_of(graph_.inputs[i]), false);
    forms_[static_cast<std::size_t>(graph_.inputs[0])].from_input = true;
    for (const Node& node : graph_.nodes) {
      node_ = &node;
      const std::string& name = value(node.output).name;
      if (!passes(found_, text(name, " (", node.op, ")"),
                  {.node = name, .op = node.op, .why = {}, .module = node.module}, [&] { lower_node(node); }))
        define_real(add_tensor(shape_of(node.output), false));
    }
    node_ = nullptr;
    const int output = graph_.outputs[0];
    require(!forms_[static_cast<std::size_t>(output)].integers, "the output must be float, not quantized integers");
    program_.output = real(output);
    return std::move(program_);
  }

 private:
  const Value& value(int v) const { return graph_.values[static_cast<std::size_t>(v)]; }
  Form& form(int v) { return forms_[static_cast<std::size_t>(v)]; }
  int input(std::size_t i) const { return i < node_->inputs.size() ? node_->inputs[i] : -1; }
  const Shape& shape_of(int v) const { return value(v).shape; }

  int add_tensor(const Shape& shape, bool quantized) {
    const int index = static_cast<int>(program_.tensors.size());
    program_.tensors.push_back({shape, quantized, index});
    return index;
  }
  int add_view(int tensor, const Shape& shape) {
    TensorInfo view = program_.tensors[static_cast<std::size_t>(tensor)];
    view.shape = shape;
    program_.tensors.push_back(std::move(view));
    return static_cast<int>(program_.tensors.size()) - 1;
  }
  int add_step(const char* operation, Work work, std::vector<Operand> inputs, const Shape& shape, bool quantized) {
    Step step;
    step.name = node_ ? (node_->module.empty() ? value(node_->output).name : node_->module) : "output";
    step.operation = operation;
    count_constants(constant_bytes(work));
    step.work = std::move(work);
    step.inputs = std::move(inputs);
    step.output = add_tensor(shape, quantized);
    program_.steps.push_back(std::move(step));
    return program_.steps.back().output;
  }

  // The float form, computed now if it was not yet.
  int real(int v) {
    require(v >= 0, "an input is missing");
    Form& f = form(v);
    require(!f.integers, "reads quantized integers, which only DequantizeLinear does");
    if (f.real < 0 && f.from_input)
      f.real = add_step("load", LoadInput{}, {}, shape_of(v), false);
    else if (f.real < 0 && f.quantized.tensor >= 0)
      f.real = add_step("dequantize", Dequantize{}, {f.quantized}, shape_of(v), false);
    require(f.real >= 0, "cannot read ", in_quotes(value(v).name), " here: a constant is not supported");
    return f.real;
  }
  // Either form, u8 if there is one.
  Operand any(int v) {
    const Form& f = form(v);
    if (!f.integers && f.quantized.tensor >= 0) return f.quantized;
    return {real(v), {}};
  }
  void define_real(int tensor) { form(node_->output).real = tensor; }
  void define_quantized(int tensor, const Int8Scale& scale) { form(node_->output).quantized = {tensor, scale}; }

  void lower_node(const Node& node);
  void quantize();
  void dequantize();
  void conv(bool transposed);
  void linear();
  void add();
  void max_pool();
  void average_pool();
  void reshape();
  void cat();
  void batch_norm();
  void clip(float low, float high, const char* operation);

  Operand quantized_at(int v, const Int8Scale& scale);
  std::optional<Int8Scale> scale_of_all_readers(int v);
  void int8_layer(const char* operation, Int8Conv conv, const Operand& x, const QuantizedConstant& weight,
                  const Shape& shape);
  bool runs_in_int8(const QuantizedConstant* weight, std::size_t channel_axis) const;
  std::vector<float> float_bias(std::int64_t channels);

  void count_constants(std::int64_t bytes) {
    constant_bytes_ += bytes;
    require(constant_bytes_ <= kMostConstantBytes, "what is made of constants up to here takes ", constant_bytes_,
            " bytes, more than ", kMostConstantBytes);
  }
  SharedConstants::Floats weights(int v, bool transposed);
  SharedConstants::Integers integers(int v, bool transposed);

  const Graph& graph_;
  SharedConstants& shared_;
  Obstacles* const found_;
  std::vector<Form> forms_;
  std::vector<std::vector<int>> readers_;  // of each value
  std::int64_t constant_bytes_ = 0;
  Program program_;
  const Node* node_ = nullptr;
  ConstantReader constants_{graph_};
  std::map<std::pair<int, std::pair<float, std::int32_t>>, int> quantized_;  // (float tensor or -1 for the input, grid)
};

// ---- quantization ---------------------------------------------------------------------------------------------------

// v on the grid of `scale`; each is computed once.
Operand Lowering::quantized_at(int v, const Int8Scale& scale) {
  const Form& f = form(v);
  // Quantizing what was dequantized from the same grid gives it back: (q - o) * s / s is within a rounding of q - o.
  if (f.quantized.tensor >= 0 && same(*f.quantized.scale, scale)) return f.quantized;
  const bool from_input = f.from_input && shape_of(v).size() == 4;
  const int source = from_input ? -1 : real(v);
  const auto [known, is_new] = quantized_.try_emplace({source, {scale.scale, scale.zero_point}}, -1);
  if (is_new)
    known->second =
        add_step("quantize", Quantize{scale, from_input},
                 from_input ? std::vector<Operand>{} : std::vector<Operand>{{source, {}}}, shape_of(v), true);
  return {known->second, scale};
}

void Lowering::quantize() {
  const auto [scale, is_signed] = constants_.activation_scale(*node_);
  Form& f = form(node_->output);
  const Operand q = quantized_at(input(0), scale);
  f.quantized = q;
  f.integers = true;
  f.is_signed = is_signed;
}

void Lowering::dequantize() {
  if (value(input(0)).data) return constants_.define(*node_);
  const Form from = form(input(0));
  require(from.integers, "reads ", in_quotes(value(input(0)).name), ", which is neither constant nor quantized");
  const auto [scale, is_signed] = constants_.activation_scale(*node_);
  require(is_signed == from.is_signed, "its zero point has another type than what it reads");
  define_quantized(from.quantized.tensor, scale);
}

// The one grid on which all readers of v quantize it, or nothing.
std::optional<Int8Scale> Lowering::scale_of_all_readers(int v) {
  std::optional<Int8Scale> found;
  if (std::ranges::count(graph_.outputs, v) > 0) return {};
  for (const int reader : readers_[static_cast<std::size_t>(v)]) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(reader)];
    if (node.op != "quantize") return {};
    const Int8Scale scale = constants_.activation_scale(node).scale;
    if (found && !same(*found, scale)) return {};
    found = scale;
  }
  return found;
}

// ---- layers with weights -------------------------------------------------------------------------------------------

bool Lowering::runs_in_int8(const QuantizedConstant* weight, std::size_t channel_axis) const {
  if (!weight || forms_[static_cast<std::size_t>(input(0))].quantized.tensor < 0) return false;
  if (forms_[static_cast<std::size_t>(input(0))].integers || !weight->symmetric()) return false;
  return weight->scales.size() == 1 || weight->axis == channel_axis;
}

void Lowering::int8_layer(const char* operation, Int8Conv conv, const Operand& x, const QuantizedConstant& weight,
                          const Shape& shape) {
  set_int8_constants(conv, form(input(0)).quantized.scale->scale, weight, constants_, input(2), shared_);
  define_real(add_step(operation, std::move(conv), {x}, shape, false));
}

std::vector<float> Lowering::float_bias(std::int64_t channels) {
  if (input(2) < 0) return {};
  std::vector<float> bias = constants_.floats(input(2));
  require(static_cast<std::int64_t>(bias.size()) == channels, "the bias must have ", channels, " values, has ",
          bias.size());
  return bias;
}

SharedConstants::Floats Lowering::weights(int v, bool transposed) {
  return shared_.floats(v, transposed, [&]() -> SharedConstants::Floats {
    if (value(v).data && !transposed) return {value(v).data, &constants_.stored_floats(v)};  // the model's own
    count_constants(element_count(shape_of(v)) * 4);
    std::vector<float> values = constants_.floats(v);
    if (transposed) values = transpose(values, shape_of(v));
    return std::make_shared<const std::vector<float>>(std::move(values));
  });
}

SharedConstants::Integers Lowering::integers(int v, bool transposed) {
  const SharedConstants::Integers plain = constants_.quantized(v)->int8();
  return transposed ? shared_.transposed(v, [&] { return transpose(*plain, shape_of(v)); }) : plain;
}

void Lowering::conv(bool transposed) {
  const Shape &x = shape_of(input(0)), &w = shape_of(input(1)), &y = shape_of(node_->output);
  kernels::ConvShape s;
  s.n = x[0];
  s.kh = w[2];
  s.kw = w[3];
  s.stride = size_attribute(*node_, "stride", 1);
  s.padding = size_attribute(*node_, "padding", 0);
  s.dilation = size_attribute(*node_, "dilation", 1);
  s.groups = attribute(*node_, "groups", std::int64_t{1});
  const Shape &from = transposed ? y : x, &to = transposed ? x : y;  // of the convolution proper
  s.ci = from[1];
  s.h = from[2];
  s.w = from[3];
  s.co = to[1];
  s.oh = to[2];
  s.ow = to[3];
  const QuantizedConstant* const weight = constants_.quantized(input(1));
  const char* const name = transposed ? "conv_transpose2d" : "conv2d";
  if (runs_in_int8(weight, transposed ? 1 : 0)) {
    Int8Conv work{.shape = s, .transposed = transposed, .weights = weight->int8(), .epilogue = {}};
    return int8_layer(name, std::move(work), form(input(0)).quantized, *weight, y);
  }
  FloatConv work{s, transposed, weights(input(1), false), float_bias(y[1])};
  define_real(add_step(name, std::move(work), {{real(input(0)), {}}}, y, false));
}

// A linear layer is a 1x1 convolution of one image with a row per input and one column.
void Lowering::linear() {
  const Shape &x = shape_of(input(0)), &y = shape_of(node_->output);
  const bool transposed = attribute(*node_, "transposed_weight", false);
  const std::int64_t in = x.back(), out = y.back(), rows = in == 0 ? 0 : element_count(x) / in;
  require(rows == 0 || x.size() != 4, "x must not be an image");
  const QuantizedConstant* const weight = constants_.quantized(input(1));
  if (runs_in_int8(weight, transposed ? 1 : 0)) {
    kernels::ConvShape s;
    s.n = 1;
    s.ci = in;
    s.h = s.oh = rows;
    s.w = s.ow = s.kh = s.kw = 1;
    s.co = out;
    Int8Conv work{.shape = s, .transposed = false, .weights = integers(input(1), transposed), .epilogue = {}};
    return int8_layer("linear", std::move(work), form(input(0)).quantized, *weight, y);
  }
  FloatLinear work{rows, in, out, weights(input(1), transposed), float_bias(out)};
  define_real(add_step("linear", std::move(work), {{real(input(0)), {}}}, y, false));
}

// ---- the rest -------------------------------------------------------------------------------------------------------

void Lowering::clip(float low, float high, const char* operation) {
  define_real(add_step(operation, Clip{low, high}, {{real(input(0)), {}}}, shape_of(node_->output), false));
}

void Lowering::add() {
  require(shape_of(input(0)) == shape_of(input(1)),
          "adding tensors of different shapes is not supported: ", shape_of(input(0)), " and ", shape_of(input(1)));
  const Operand a = any(input(0)), b = any(input(1));
  define_real(add_step("add", Add{}, {a, b}, shape_of(node_->output), false));
}

void Lowering::max_pool() {
  const Shape &x = shape_of(input(0)), &y = shape_of(node_->output);
  kernels::MaxPoolShape s{x[0], x[1], x[2], x[3], y[2], y[3]};
  s.kernel = size_attribute(*node_, "kernel_size", 1);
  s.stride = size_attribute(*node_, "stride", 1);
  s.padding = size_attribute(*node_, "padding", 0);
  s.dilation = size_attribute(*node_, "dilation", 1);
  require_windows_see(s);
  Operand from = any(input(0));
  if (!from.scale)
    if (const std::optional<Int8Scale> scale = scale_of_all_readers(node_->output))
      from = quantized_at(input(0), *scale);
  const int pooled = add_step("max_pool2d", MaxPool{s}, {from}, y, from.scale.has_value());
  if (from.scale)
    define_quantized(pooled, *from.scale);
  else
    define_real(pooled);
}

void Lowering::average_pool() {
  const Shape &x = shape_of(input(0)), &y = shape_of(node_->output);
  kernels::AvgPoolShape s{x[0], x[1], x[2], x[3], {}, {}};
  s.rows = pool_windows(*node_, x[2], y[2], &Size2::h);
  s.columns = pool_windows(*node_, x[3], y[3], &Size2::w);
  define_real(add_step(node_->op.c_str(), AveragePool{std::move(s)}, {{real(input(0)), {}}}, y, false));
}

void Lowering::reshape() {
  const Shape &x = shape_of(input(0)), &y = shape_of(node_->output);
  const auto one_order = [](const Shape& s) { return s.size() != 4 || s[1] == 1 || s[2] * s[3] == 1; };
  Operand from = any(input(0));
  const bool quantized = from.scale.has_value();
  if (!one_order(x)) from.tensor = add_step("to row-major", ToRowMajor{}, {from}, x, quantized);
  int tensor = add_view(from.tensor, y);
  if (!one_order(y)) tensor = add_step("to channels-last", ToChannelsLast{}, {{tensor, from.scale}}, y, quantized);
  if (quantized)
    define_quantized(tensor, *from.scale);
  else
    define_real(tensor);
}

void Lowering::cat() {
  const Shape& y = shape_of(node_->output);
  std::int64_t dim = attribute(*node_, "dim", std::int64_t{1});
  if (dim < 0) dim += std::ssize(y);
  // In channels-last order the channel is the last dimension.
  const Shape order = y.size() == 4 ? Shape{0, 3, 1, 2} : Shape{0, 1, 2};
  std::int64_t outer = 1;
  for (std::size_t i = 0; i < y.size(); ++i)
    if (order[i] < order[static_cast<std::size_t>(dim)]) outer *= y[i];
  std::vector<Operand> parts;
  bool quantized = true;
  for (const int part : node_->inputs) {
    parts.push_back(any(part));
    quantized = quantized && parts.back().scale && same(*parts.back().scale, *parts.front().scale);
  }
  if (!quantized)
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i] = {real(input(i)), {}};
  const std::optional<Int8Scale> scale = parts.front().scale;
  const int joined = add_step("cat", Concat{outer}, std::move(parts), y, quantized);
  if (quantized)
    define_quantized(joined, *scale);
  else
    define_real(joined);
}

void Lowering::batch_norm() {
  BatchNorm work{constants_.floats(input(3)), {}, constants_.floats(input(2))};
  const std::vector<float> gamma = constants_.floats(input(1)), variance = constants_.floats(input(4));
  const double eps = attribute(*node_, "eps", 1e-5);
  for (std::size_t c = 0; c < gamma.size(); ++c)
    work.scale.push_back(gamma[c] * static_cast<float>(1.0 / std::sqrt(static_cast<double>(variance[c]) + eps)));
  for (std::size_t c = 0; c < gamma.size(); ++c)
    require(std::isfinite(work.scale[c]), "channel ", c, " has the variance ", variance[c], " and the weight ",
            gamma[c], ", whose quotient is not finite");
  define_real(add_step("batch_norm", std::move(work), {{real(input(0)), {}}}, shape_of(node_->output), false));
}

void Lowering::lower_node(const Node& node) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  if (node.op == "quantize") return quantize();
  if (node.op == "dequantize") return dequantize();
  if (node.op == "conv2d") return conv(false);
  if (node.op == "conv_transpose2d") return conv(true);
  if (node.op == "linear") return linear();
  if (node.op == "relu") return clip(0.0F, kInfinity, "relu");
  if (node.op == "relu6") return clip(0.0F, 6.0F, "relu6");
  if (node.op == "clip")
    return clip(static_cast<float>(attribute(node, "min", -HUGE_VAL)),
                static_cast<float>(attribute(node, "max", HUGE_VAL)), "clip");
  if (node.op == "add") return add();
  if (node.op == "max_pool2d") return max_pool();
  if (node.op == "avg_pool2d" || node.op == "adaptive_avg_pool2d") return average_pool();
  if (node.op == "flatten" || node.op == "reshape") return reshape();
  if (node.op == "cat") return cat();
  if (node.op == "batch_norm") return batch_norm();
  fail("op ", node.op, " is not supported");
}

}  // namespace

Program lower(const Graph& graph, SharedConstants& shared, Obstacles* found) {
  return Lowering(graph, shared, found).run();
}

Program lower(const Graph& graph) {
  SharedConstants own;
  return lower(graph, own);
}

}  // namespace octet::deploy
