// SPDX-License-Identifier: Apache-2.0
#include "octet/graph/infer_shapes.h"

#include <algorithm>
#include <limits>

#include "octet/base/error.h"
#include "octet/graph/attributes.h"

namespace octet {
namespace {

constexpr std::int64_t kMostValues = std::numeric_limits<std::int32_t>::max();

// The shapes that a node reads.
class Operands {
 public:
  Operands(const Graph& graph, const Node& node) : graph_(graph), node_(node) {}

  const Node& node() const { return node_; }
  bool has(std::size_t i) const { return i < node_.inputs.size() && node_.inputs[i] >= 0; }
  const Shape& shape(std::size_t i) const {
    require(has(i), "input ", i, " is missing");
    return graph_.values[static_cast<std::size_t>(node_.inputs[i])].shape;
  }
  const Shape& image(std::size_t i) const {
    require(shape(i).size() == 4, "input ", i, " must be [N, C, H, W], is ", shape(i));
    return shape(i);
  }

 private:
  const Graph& graph_;
  const Node& node_;
};

// One direction of a window that slides over an image.
struct Axis {
  std::int64_t size, kernel, stride, dilation, begin, end;
};

std::int64_t span_of(const Axis& a) { return a.size + a.begin + a.end - a.dilation * (a.kernel - 1) - 1; }

std::int64_t windows(const Axis& a) {
  require(a.kernel >= 1 && a.stride >= 1 && a.dilation >= 1 && span_of(a) >= 0, "a window of ", a.kernel, " (dilation ",
          a.dilation, ") does not fit into ", a.size, " padded by ", a.begin, " and ", a.end);
  return span_of(a) / a.stride + 1;
}

// With ceil_mode the last window may hang over the edge, but it starts within the image or its first padding.
std::int64_t pooled(const Axis& a, bool ceil_mode) {
  const std::int64_t count = windows(a);
  if (!ceil_mode || span_of(a) % a.stride == 0) return count;
  return count * a.stride >= a.size + a.begin ? count : count + 1;
}

void check_bias(const Operands& in, std::int64_t channels) {
  require(!in.has(2) || in.shape(2) == Shape{channels} || in.shape(2) == Shape{1, channels}, "the bias must have ",
          channels, " values, is ", in.has(2) ? in.shape(2) : Shape{});
}

struct WindowOptions {
  Size2 stride, dilation, begin, end;
  std::int64_t groups;

  explicit WindowOptions(const Node& node)
      : stride(size_attribute(node, "stride", 1)),
        dilation(size_attribute(node, "dilation", 1)),
        begin(size_attribute(node, "padding", 0)),
        end(size_attribute(node, "end_padding", begin)),
        groups(attribute(node, "groups", std::int64_t{1})) {}
};

Shape conv2d(const Operands& in) {
  const Shape &x = in.image(0), &w = in.image(1);
  const WindowOptions o(in.node());
  require(o.groups >= 1 && w[0] % o.groups == 0 && w[1] * o.groups == x[1], "x ", x, ", w ", w, " and groups ",
          o.groups, " do not fit each other");
  check_bias(in, w[0]);
  return {x[0], w[0], windows({x[2], w[2], o.stride.h, o.dilation.h, o.begin.h, o.end.h}),
          windows({x[3], w[3], o.stride.w, o.dilation.w, o.begin.w, o.end.w})};
}

Shape conv_transpose2d(const Operands& in) {
  const Shape &x = in.image(0), &w = in.image(1);
  const WindowOptions o(in.node());
  const Size2 extra = size_attribute(in.node(), "output_padding", 0);
  require(o.groups >= 1 && x[1] % o.groups == 0 && w[0] == x[1], "x ", x, ", w ", w, " and groups ", o.groups,
          " do not fit each other");
  require(extra.h < std::max(o.stride.h, o.dilation.h) && extra.w < std::max(o.stride.w, o.dilation.w),
          "output_padding ", extra, " must be smaller than stride or dilation");
  check_bias(in, w[1] * o.groups);
  const auto size = [](std::int64_t in_size, std::int64_t stride, std::int64_t padding, std::int64_t dilation,
                       std::int64_t kernel, std::int64_t more) {
    const std::int64_t out = (in_size - 1) * stride - 2 * padding + dilation * (kernel - 1) + more + 1;
    require(out >= 1, "the output would be empty");
    return out;
  };
  return {x[0], w[1] * o.groups, size(x[2], o.stride.h, o.begin.h, o.dilation.h, w[2], extra.h),
          size(x[3], o.stride.w, o.begin.w, o.dilation.w, w[3], extra.w)};
}

Shape linear(const Operands& in) {
  const Shape &x = in.shape(0), &w = in.shape(1);
  const bool transposed = attribute(in.node(), "transposed_weight", false);
  require(w.size() == 2 && !x.empty() && x.size() <= 3, "x ", x, " and w ", w, " are no matrices");
  require(x.back() == w[transposed ? 0 : 1], "x ", x, " does not fit w ", w, transposed ? " (transposed)" : "");
  Shape y = x;
  y.back() = w[transposed ? 1 : 0];
  check_bias(in, y.back());
  return y;
}

// A constant per channel, as exporters write a bias, or a single value.
bool spreads_over(const Shape& b, const Shape& a) {
  if (element_count(b) == 1 && b.size() <= a.size()) return true;
  if (a.size() == 2) return b == Shape{a[1]} || b == Shape{1, a[1]};
  return a.size() == 4 && (b == Shape{1, a[1], 1, 1} || b == Shape{a[1], 1, 1});
}

Shape add(const Operands& in) {
  const Shape &a = in.shape(0), &b = in.shape(1);
  if (spreads_over(b, a)) return a;
  if (spreads_over(a, b)) return b;
  require(a == b, "shapes must be equal: ", a, " and ", b);
  return a;
}

Shape pool2d(const Operands& in) {
  const Shape& x = in.image(0);
  const WindowOptions o(in.node());
  const Size2 kernel = size_attribute(in.node(), "kernel_size", 1);
  const bool ceil_mode = attribute(in.node(), "ceil_mode", false);
  require(o.begin.h < kernel.h && o.begin.w < kernel.w && o.end.h < kernel.h && o.end.w < kernel.w,
          "padding must be smaller than the kernel");
  return {x[0], x[1], pooled({x[2], kernel.h, o.stride.h, o.dilation.h, o.begin.h, o.end.h}, ceil_mode),
          pooled({x[3], kernel.w, o.stride.w, o.dilation.w, o.begin.w, o.end.w}, ceil_mode)};
}

Shape adaptive_avg_pool2d(const Operands& in) {
  const Shape& x = in.image(0);
  const Size2 size = size_attribute(in.node(), "output_size", 1);
  require(x[2] >= 1 && x[3] >= 1 && size.h >= 1 && size.w >= 1, "x ", x, " must not be empty");
  return {x[0], x[1], size.h, size.w};
}

Shape flatten(const Operands& in) {
  const Shape& x = in.shape(0);
  require(!x.empty(), "x must have a batch");
  return {x[0], x[0] == 0 ? 0 : element_count(x) / x[0]};
}

Shape reshape(const Operands& in) {
  const Shape& x = in.shape(0);
  Shape y = attribute(in.node(), "shape", Shape{});
  std::int64_t known = 1;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (y[i] == 0) {
      require(i < x.size(), "shape ", y, " keeps a size that x ", x, " does not have");
      y[i] = x[i];
    }
    if (y[i] > 0) known *= y[i];
    require(known <= kMostValues, "shape ", y, " is too large");
  }
  for (std::int64_t& size : y)
    if (size < 0) size = known == 0 ? 0 : element_count(x) / known;
  require(element_count(y) == element_count(x), "x ", x, " has not as many values as ", y);
  return y;
}

Shape cat(const Operands& in) {
  Shape y = in.shape(0);
  std::int64_t dim = attribute(in.node(), "dim", std::int64_t{1});
  if (dim < 0) dim += std::ssize(y);
  require(dim >= 0 && dim < std::ssize(y), "axis ", dim, " is out of range for ", y);
  const auto joined = static_cast<std::size_t>(dim);
  for (std::size_t i = 1; i < in.node().inputs.size(); ++i) {
    const Shape& part = in.shape(i);
    Shape expected = y;
    if (part.size() == y.size()) expected[joined] = part[joined];
    require(part == expected, "shapes ", y, " and ", part, " cannot be joined along ", dim);
    y[joined] += part[joined];
  }
  return y;
}

Shape batch_norm(const Operands& in) {
  const Shape& x = in.shape(0);
  require(x.size() == 4 || x.size() == 2, "x must be [N, C, H, W] or [N, C], is ", x);
  for (std::size_t i = 1; i < 5; ++i)
    require(in.shape(i) == Shape{x[1]}, "input ", i, " must have ", x[1], " values, is ", in.shape(i));
  return x;
}

Shape quantization(const Operands& in) {
  const Shape &x = in.shape(0), &scale = in.shape(1);
  std::int64_t axis = attribute(in.node(), "axis", std::int64_t{1});
  if (axis < 0) axis += std::ssize(x);
  const bool one = element_count(scale) == 1;
  require(
      one || (scale.size() == 1 && axis >= 0 && axis < std::ssize(x) && scale[0] == x[static_cast<std::size_t>(axis)]),
      "the scale ", scale, " does not fit ", x, " along axis ", axis);
  require(!in.has(2) || element_count(in.shape(2)) == element_count(scale), "scale ", scale, " and zero point ",
          in.has(2) ? in.shape(2) : Shape{}, " do not fit each other");
  return x;
}

Shape same(const Operands& in) { return in.shape(0); }

struct Rule {
  const char* op;
  Shape (*infer)(const Operands&);
};
constexpr Rule kRules[] = {{"adaptive_avg_pool2d", adaptive_avg_pool2d},
                           {"add", add},
                           {"avg_pool2d", pool2d},
                           {"batch_norm", batch_norm},
                           {"cat", cat},
                           {"clip", same},
                           {"conv2d", conv2d},
                           {"conv_transpose2d", conv_transpose2d},
                           {"dequantize", quantization},
                           {"flatten", flatten},
                           {"linear", linear},
                           {"max_pool2d", pool2d},
                           {"quantize", quantization},
                           {"relu", same},
                           {"relu6", same},
                           {"reshape", reshape}};

// A product that stays in range, or Error.
void check_size(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) {
    require(size >= 0 && (size == 0 || count <= kMostValues / size), "a tensor ", shape, " is too large");
    count *= size;
  }
}

}  // namespace

void infer_shapes(Graph& graph, std::span<const Shape> inputs, Obstacles* found) {
  require(inputs.size() == graph.inputs.size(), "the graph has ", graph.inputs.size(), " inputs, got ", inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_size(inputs[i]);
    graph.values[static_cast<std::size_t>(graph.inputs[i])].shape = inputs[i];
  }
  for (const Node& node : graph.nodes) {
    Value& result = graph.values[static_cast<std::size_t>(node.output)];
    passes(found, text(result.name, " (", node.op, ")"),
           {.node = result.name, .op = node.op, .why = {}, .module = node.module}, [&] {
             const auto rule = std::ranges::find_if(kRules, [&](const Rule& r) { return node.op == r.op; });
             require(rule != std::end(kRules), "op ", node.op, " is not known here");
             const Shape shape = rule->infer(Operands(graph, node));
             check_size(shape);
             result.shape = shape;
           });
  }
}

}  // namespace octet
