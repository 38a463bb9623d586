// SPDX-License-Identifier: Apache-2.0
// A transposed convolution is the data gradient of a convolution, so three kernels serve both.
#include <algorithm>

#include "octet/autograd/body.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/kernels/channel_sums.h"
#include "octet/kernels/conv.h"
#include "octet/kernels/gemm.h"
#include "octet/kernels/int8_conv.h"
#include "octet/kernels/reduce.h"

namespace octet {
namespace {

using detail::as_list;
using detail::empty_like;
using kernels::ConvShape;

// What a windowed op's options must satisfy, whatever the sizes.
void check_options(const char* op, Size2 stride, Size2 padding, Size2 dilation, std::int64_t groups) {
  require(stride.h >= 1 && stride.w >= 1, op, ": stride must be at least 1, got ", stride);
  require(padding.h >= 0 && padding.w >= 0, op, ": padding must not be negative, got ", padding);
  require(dilation.h >= 1 && dilation.w >= 1, op, ": dilation must be at least 1, got ", dilation);
  require(groups >= 1, op, ": groups must be at least 1, got ", groups);
  detail::require_not_huge(op, "stride", stride);
  detail::require_not_huge(op, "padding", padding);
  detail::require_not_huge(op, "dilation", dilation);
  require(groups <= detail::kLargestOption, op, ": groups must be at most ", detail::kLargestOption, ", got ", groups);
}

void check_operands(const char* op, const Tensor& x, const Tensor& w) {
  detail::require_activation(op, "x", x);
  require(w.defined() && w.rank() == 4, op, ": w must be 4-D, got ", w.defined() ? w.shape() : Shape{});
  require(w.layout() == Layout::kRowMajor, op, ": w must be row-major, not an activation (make it with from_values)");
  require(w.size() > 0, op, ": w ", w.shape(), " is empty");
}

void check_bias(const char* op, const Tensor& bias, std::int64_t channels) {
  require(!bias.defined() || bias.shape() == Shape{channels}, op, ": bias must have shape [", channels, "], got ",
          bias.defined() ? bias.shape() : Shape{});
}

Tensor bias_gradient(const Tensor& dy, std::int64_t channels) {
  Tensor gradient = Tensor::empty({channels});
  kernels::channel_sums({dy.size() / channels, channels}, dy.values().data(), gradient.mutable_values().data());
  return gradient;
}

ConvShape conv2d_shape(const Tensor& x, const Tensor& w, const Conv2dParams& p) {
  check_options("conv2d", p.stride, p.padding, p.dilation, p.groups);
  check_operands("conv2d", x, w);
  ConvShape s{.n = x.dim(0),
              .ci = x.dim(1),
              .h = x.dim(2),
              .w = x.dim(3),
              .co = w.dim(0),
              .kh = w.dim(2),
              .kw = w.dim(3),
              .stride = p.stride,
              .padding = p.padding,
              .dilation = p.dilation,
              .groups = p.groups};
  require(s.co % p.groups == 0, "conv2d: groups ", p.groups, " must divide the output channels of w ", w.shape());
  require(s.ci == w.dim(1) * p.groups, "conv2d: w expects ", w.dim(1) * p.groups, " input channels but x has ", s.ci,
          " (x ", x.shape(), ", w ", w.shape(), ", groups ", p.groups, ")");
  const std::int64_t window_h = p.dilation.h * (s.kh - 1) + 1, window_w = p.dilation.w * (s.kw - 1) + 1;
  require(s.h + 2 * p.padding.h >= window_h && s.w + 2 * p.padding.w >= window_w, "conv2d: the window ",
          Size2(window_h, window_w), " (kernel ", Size2(s.kh, s.kw), ", dilation ", p.dilation,
          ") is larger than the padded input ", Size2(s.h + 2 * p.padding.h, s.w + 2 * p.padding.w), " (x ", x.shape(),
          ")");
  s.oh = (s.h + 2 * p.padding.h - window_h) / p.stride.h + 1;
  s.ow = (s.w + 2 * p.padding.w - window_w) / p.stride.w + 1;
  return s;
}

// The convolution whose data gradient the transposed convolution is: x is its output, y its input.
ConvShape conv_transpose2d_shape(const Tensor& x, const Tensor& w, const ConvTranspose2dParams& p) {
  check_options("conv_transpose2d", p.stride, p.padding, p.dilation, p.groups);
  check_operands("conv_transpose2d", x, w);
  const auto fits = [](std::int64_t extra, std::int64_t stride, std::int64_t dilation) {
    return extra >= 0 && extra < std::max(stride, dilation);
  };
  require(fits(p.output_padding.h, p.stride.h, p.dilation.h) && fits(p.output_padding.w, p.stride.w, p.dilation.w),
          "conv_transpose2d: output_padding must be smaller than stride or dilation, got output_padding ",
          p.output_padding, ", stride ", p.stride, ", dilation ", p.dilation);
  ConvShape s{.n = x.dim(0),
              .ci = w.dim(1) * p.groups,
              .co = x.dim(1),
              .kh = w.dim(2),
              .kw = w.dim(3),
              .oh = x.dim(2),
              .ow = x.dim(3),
              .stride = p.stride,
              .padding = p.padding,
              .dilation = p.dilation,
              .groups = p.groups};
  require(w.dim(0) == s.co, "conv_transpose2d: w expects ", w.dim(0), " input channels but x has ", s.co, " (x ",
          x.shape(), ", w ", w.shape(), ")");
  require(s.co % p.groups == 0, "conv_transpose2d: groups ", p.groups, " must divide the input channels of x ",
          x.shape());
  s.h = (s.oh - 1) * p.stride.h - 2 * p.padding.h + p.dilation.h * (s.kh - 1) + p.output_padding.h + 1;
  s.w = (s.ow - 1) * p.stride.w - 2 * p.padding.w + p.dilation.w * (s.kw - 1) + p.output_padding.w + 1;
  require(s.h >= 1 && s.w >= 1, "conv_transpose2d: the output would be ", Size2(s.h, s.w), " (x ", x.shape(), ", w ",
          w.shape(), ", padding ", p.padding, ")");
  return s;
}

// Dilation allows output rows that no input row reaches; oneDNN refuses a stride of them or more. So many rows of zeros
// around x reach them, and change nothing.
Size2 zero_border(const ConvTranspose2dParams& p) {
  const auto rows = [](std::int64_t extra, std::int64_t padding, std::int64_t stride) {
    return std::max<std::int64_t>(0, (extra - padding) / stride);
  };
  return {rows(p.output_padding.h, p.padding.h, p.stride.h), rows(p.output_padding.w, p.padding.w, p.stride.w)};
}

// ---- in int8 --------------------------------------------------------------------------------------------------------

bool has_integers(const Tensor& x, const Tensor& w) { return activation_integers(x) && weight_integers(w); }

// The result of an int8 layer with `channels` outputs; kernel(input, weight, sums) computes its sums.
template <typename Kernel>
Tensor int8_result(const Tensor& x, const Tensor& w, const Tensor& bias, const Shape& shape, Layout layout,
                   std::int64_t channels, const Kernel& kernel) {
  const ActivationIntegers& input = *activation_integers(x);
  const WeightIntegers& weight = *weight_integers(w);
  detail::IntegerSums result{Tensor::empty(shape, layout), kernels::Buffer::floats(3 * channels), channels};
  kernel(kernels::Int8Input{input.data(), input.scale.zero_point}, weight.data(), result.sums.mutable_values().data());
  float* const start = result.values.floats();
  float* const factor = start + channels;
  std::fill_n(start, channels, 0.0F);
  std::ranges::transform(weight.bias, start, [](std::int32_t b) { return -static_cast<float>(b); });
  float* const shift =
      std::ranges::transform(weight.scales, factor, [&](float s) { return input.scale.scale * s; }).out;
  if (bias.defined() && weight.bias.empty())
    std::ranges::copy(bias.values(), shift);
  else
    std::fill_n(shift, channels, 0.0F);
  return detail::make_integer_sums(shape, layout, std::move(result));
}

// The gradient of a convolution's weight; x quantized stays so until a kernel wants it.
void weight_gradient(const ConvShape& s, const Tensor& x, const Tensor& dy, float* dw) {
  if (const ActivationIntegers* const integers = activation_integers(x))
    return kernels::conv_backward_weights(s, {integers->data(), integers->scale}, dy.values().data(), dw);
  kernels::conv_backward_weights(s, x.values().data(), dy.values().data(), dw);
}

// A kernel for this gradient computes at least sixteen channels, so with few of them perhaps somebody knows better.
constexpr std::int64_t kFewChannels = 4;

Tensor input_gradient(const ConvShape& s, const Tensor& x, const Tensor& w, const Tensor& dy) {
  if (s.ci / s.groups <= kFewChannels && activation_integers(x)) return detail::make_conv_gradient(x, {s, w, dy});
  Tensor dx = empty_like(x);
  kernels::conv_backward_data(s, w.values().data(), dy.values().data(), dx.mutable_values().data());
  return dx;
}

Tensor conv2d_result(const ConvShape& s, const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Shape shape{s.n, s.co, s.oh, s.ow};
  if (has_integers(x, w))
    return int8_result(
        x, w, bias, shape, Layout::kChannelsLast, s.co,
        [&](const kernels::Int8Input& q, const std::int8_t* w8, float* sums) { kernels::int8_conv(s, q, w8, sums); });
  Tensor y = Tensor::empty(shape);
  kernels::conv_forward(s, x.values().data(), w.values().data(), bias.defined() ? bias.values().data() : nullptr,
                        y.mutable_values().data());
  return y;
}

Tensor conv_transpose2d_result(const ConvShape& s, const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Shape shape{s.n, s.ci, s.h, s.w};
  if (has_integers(x, w))
    return int8_result(x, w, bias, shape, Layout::kChannelsLast, s.ci,
                       [&](const kernels::Int8Input& q, const std::int8_t* w8, float* sums) {
                         kernels::int8_conv_transpose(s, q, w8, sums);
                       });
  Tensor y = Tensor::empty(shape);
  float* const values = y.mutable_values().data();
  kernels::conv_backward_data(s, w.values().data(), x.values().data(), values);
  if (bias.defined()) kernels::add_channels({s.n * s.h * s.w, s.ci}, bias.values().data(), values);
  return y;
}

// In int8 a linear layer is a 1x1 convolution of images of one pixel.
Tensor linear_result(const kernels::LinearShape& s, const Shape& shape, const Tensor& x, const Tensor& w,
                     const Tensor& bias) {
  if (has_integers(x, w))
    return int8_result(x, w, bias, shape, Layout::kRowMajor, s.out,
                       [&](const kernels::Int8Input& q, const std::int8_t* w8, float* sums) {
                         kernels::int8_conv(
                             {.n = s.rows, .ci = s.in, .h = 1, .w = 1, .co = s.out, .kh = 1, .kw = 1, .oh = 1, .ow = 1},
                             q, w8, sums);
                       });
  Tensor y = Tensor::empty(shape, Layout::kRowMajor);
  kernels::linear_forward(s, x.values().data(), w.values().data(), y.mutable_values().data());
  if (bias.defined()) kernels::add_channels({s.rows, s.out}, bias.values().data(), y.mutable_values().data());
  return y;
}

}  // namespace

namespace detail {

double ConvGradient::product(const float* m) const {
  const kernels::Buffer y = kernels::Buffer::floats(dy.size());
  kernels::conv_forward(shape, m, w.values().data(), nullptr, y.floats());
  return kernels::dot(dy.size(), y.floats(), dy.values().data());
}

double ConvGradient::product(const std::uint8_t* m) const {
  const std::int64_t inputs = shape.n * shape.ci * shape.h * shape.w, channels = shape.co;
  const WeightIntegers* const integers = weight_integers(w);
  if (!integers) {
    const kernels::Buffer floats = kernels::Buffer::floats(inputs);
    std::copy_n(m, inputs, floats.floats());
    return product(floats.floats());
  }
  const kernels::Buffer y = kernels::Buffer::floats(dy.size());
  const std::vector<float> zeros(static_cast<std::size_t>(channels), 0.0F);
  kernels::int8_conv(shape, {m, 0}, integers->data(), y.floats());
  kernels::epilogue_forward({dy.size() / channels, channels},
                            {{y.floats(), zeros.data(), integers->scales.data(), zeros.data()}, {}}, false, y.floats());
  return kernels::dot(dy.size(), y.floats(), dy.values().data());
}

Tensor make_conv_gradient(const Tensor& x, ConvGradient gradient) {
  auto body = std::make_shared<TensorBody>();
  body->shape = x.shape();
  body->layout = x.layout();
  body->storage = std::make_shared<Storage>();
  body->storage->gradient = std::make_unique<const ConvGradient>(std::move(gradient));
  return Tensor(std::move(body));
}

}  // namespace detail

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params) {
  const FloatEnvironment numbers;
  const ConvShape s = conv2d_shape(x, w, params);
  check_bias("conv2d", bias, s.co);
  Tensor y = conv2d_result(s, x, w, bias);

  const auto attributes = [params] {
    return Attributes{{"stride", as_list(params.stride)},
                      {"padding", as_list(params.padding)},
                      {"dilation", as_list(params.dilation)},
                      {"groups", params.groups}};
  };
  return record("conv2d", y, {x, w, bias}, attributes, [x, w, s](const Tensor& dy, const NeedsGrad& needs) {
    std::vector<Tensor> grads(3);
    if (needs[1]) {
      grads[1] = empty_like(w);
      weight_gradient(s, x, dy, grads[1].mutable_values().data());
    }
    if (needs[0]) grads[0] = input_gradient(s, x, w, dy);
    if (needs[2]) grads[2] = bias_gradient(dy, s.co);
    return grads;
  });
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvTranspose2dParams& params) {
  const FloatEnvironment numbers;
  const ConvShape s = conv_transpose2d_shape(x, w, params);
  check_bias("conv_transpose2d", bias, s.ci);
  if (const Size2 border = zero_border(params); border != Size2(0)) {
    ConvTranspose2dParams cut = params;
    cut.padding = {params.padding.h + border.h * params.stride.h, params.padding.w + border.w * params.stride.w};
    return conv_transpose2d(pad2d(x, border, PaddingMode::kZeros), w, bias, cut);
  }
  Tensor y = conv_transpose2d_result(s, x, w, bias);

  const auto attributes = [params] {
    return Attributes{{"stride", as_list(params.stride)},
                      {"padding", as_list(params.padding)},
                      {"dilation", as_list(params.dilation)},
                      {"output_padding", as_list(params.output_padding)},
                      {"groups", params.groups}};
  };
  return record("conv_transpose2d", y, {x, w, bias}, attributes, [x, w, s](const Tensor& dy, const NeedsGrad& needs) {
    std::vector<Tensor> grads(3);
    if (needs[1]) {
      grads[1] = empty_like(w);
      kernels::conv_backward_weights(s, dy.values().data(), x.values().data(), grads[1].mutable_values().data());
    }
    if (needs[0]) {
      grads[0] = empty_like(x);
      kernels::conv_forward(s, dy.values().data(), w.values().data(), nullptr, grads[0].mutable_values().data());
    }
    if (needs[2]) grads[2] = bias_gradient(dy, s.ci);
    return grads;
  });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const FloatEnvironment numbers;
  require(w.defined() && w.rank() == 2, "linear: w must be [out, in], got ", w.defined() ? w.shape() : Shape{});
  require(x.defined() && x.rank() >= 1 && x.shape().back() == w.dim(1), "linear: w ", w.shape(), " expects x [..., ",
          w.dim(1), "], got ", x.defined() ? x.shape() : Shape{});
  require(x.layout() == Layout::kRowMajor, "linear: x ", x.shape(),
          " is an activation; flatten() or reshape() it first");
  check_bias("linear", bias, w.dim(0));
  require(w.size() > 0, "linear: w ", w.shape(), " is empty");
  const kernels::LinearShape s{x.size() / w.dim(1), w.dim(1), w.dim(0)};
  Shape shape = x.shape();
  shape.back() = s.out;
  Tensor y = linear_result(s, shape, x, w, bias);

  return record("linear", y, {x, w, bias}, nullptr, [x, w, s](const Tensor& dy, const NeedsGrad& needs) {
    std::vector<Tensor> grads(3);
    if (needs[0]) {
      grads[0] = empty_like(x);
      kernels::linear_backward_data(s, w.values().data(), dy.values().data(), grads[0].mutable_values().data());
    }
    if (needs[1]) {
      grads[1] = Tensor::empty(w.shape());
      kernels::linear_backward_weights(s, x.values().data(), dy.values().data(), grads[1].mutable_values().data());
    }
    if (needs[2]) grads[2] = bias_gradient(dy, s.out);
    return grads;
  });
}

}  // namespace octet
