// SPDX-License-Identifier: Apache-2.0
// A transposed convolution is the data gradient of a convolution, so three kernels serve both.
#include <algorithm>

#include "octet/autograd/conv_gradient.h"
#include "octet/autograd/epilogue.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/integers.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/saved.h"
#include "octet/autograd/tape.h"
#include "octet/base/float_environment.h"
#include "octet/graph/attributes.h"
#include "octet/kernels/float/channel_sums.h"
#include "octet/kernels/float/conv.h"
#include "octet/kernels/float/gemm.h"
#include "octet/kernels/float/reduce.h"
#include "octet/kernels/int8/int8_conv.h"

namespace octet {
namespace {

using kernels::ConvShape;

void check_operands(const char* op, const Tensor& x, const Tensor& w) {
  detail::require_activation(op, "x", x);
  detail::require_defined(op, "w", w);
  require(w.rank() != 4 || w.layout() == Layout::kRowMajor, op,
          ": w must be row-major, not an activation (make it with from_values)");
}

Tensor bias_gradient(const Tensor& dy, std::int64_t channels) {
  Tensor gradient = Tensor::empty({channels});
  kernels::channel_sums({dy.size() / channels, channels}, dy.values().data(), detail::fresh_values(gradient));
  return gradient;
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

// The result of the int8 layer `op` with `channels` outputs; kernel(input, weight, sums) computes its sums.
template <typename Kernel>
Tensor int8_result(const char* op, const Tensor& x, const Tensor& w, const Tensor& bias, const Shape& shape,
                   Layout layout, std::int64_t channels, const Kernel& kernel) {
  const ActivationIntegers& input = *activation_integers(x);
  const WeightIntegers& weight = *weight_integers(w);
  detail::IntegerSums result{Tensor::empty(shape, layout), kernels::Buffer::floats(3 * channels), channels};
  kernel(kernels::Int8Input{input.data(), input.scale.zero_point}, weight.data(), detail::fresh_values(result.sums));
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
  return detail::make_integer_sums(op, shape, layout, std::move(result));
}

// The gradient of a convolution's weight; x quantized stays so until a kernel wants it.
Tensor weight_gradient(const ConvShape& s, const Saved& x, const Saved& w, const Tensor& dy) {
  Tensor dw = w.empty_like();
  const Tensor& from = x.get();
  if (const ActivationIntegers* const integers = activation_integers(from))
    kernels::conv_backward_weights(s, {integers->data(), integers->scale}, dy.values().data(),
                                   detail::fresh_values(dw));
  else
    kernels::conv_backward_weights(s, from.values().data(), dy.values().data(), detail::fresh_values(dw));
  return dw;
}

// A kernel for the gradient of the input computes at least sixteen channels. With few of them, a quantizer that is its
// only reader has a cheaper way (conv_gradient.h).
constexpr std::int64_t kFewChannels = 4;

bool gradient_can_wait(const ConvShape& s, const Tensor& x) {
  return s.ci / s.groups <= kFewChannels && activation_integers(x);
}

Tensor input_gradient(const ConvShape& s, const Saved& x, const Saved& w, const Tensor& dy, bool can_wait) {
  if (can_wait)
    return detail::make_lazy(x.shape(), Layout::kChannelsLast,
                             std::make_shared<const detail::ConvGradient>("gradient of conv2d", s, w.get(), dy));
  Tensor dx = x.empty_like();
  kernels::conv_backward_data(s, w.data(), dy.values().data(), detail::fresh_values(dx));
  return dx;
}

Tensor conv2d_result(const ConvShape& s, const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Shape shape{s.n, s.co, s.oh, s.ow};
  if (has_integers(x, w))
    return int8_result(
        ops::kConv2d, x, w, bias, shape, Layout::kChannelsLast, s.co,
        [&](const kernels::Int8Input& q, const std::int8_t* w8, float* sums) { kernels::int8_conv(s, q, w8, sums); });
  Tensor y = Tensor::empty(shape);
  kernels::conv_forward(s, x.values().data(), w.values().data(), bias.defined() ? bias.values().data() : nullptr,
                        detail::fresh_values(y));
  return y;
}

Tensor conv_transpose2d_result(const ConvShape& s, const Tensor& x, const Tensor& w, const Tensor& bias) {
  const Shape shape{s.n, s.ci, s.h, s.w};
  if (has_integers(x, w))
    return int8_result(ops::kConvTranspose2d, x, w, bias, shape, Layout::kChannelsLast, s.ci,
                       [&](const kernels::Int8Input& q, const std::int8_t* w8, float* sums) {
                         kernels::int8_conv_transpose(s, q, w8, sums);
                       });
  Tensor y = Tensor::empty(shape);
  float* const values = detail::fresh_values(y);
  kernels::conv_backward_data(s, w.values().data(), x.values().data(), values);
  if (bias.defined()) kernels::add_channels({s.n * s.h * s.w, s.ci}, bias.values().data(), values);
  return y;
}

// In int8 a linear layer is a 1x1 convolution of images of one pixel.
Tensor linear_result(const kernels::LinearShape& s, const Shape& shape, const Tensor& x, const Tensor& w,
                     const Tensor& bias) {
  if (has_integers(x, w))
    return int8_result(ops::kLinear, x, w, bias, shape, Layout::kRowMajor, s.out,
                       [&](const kernels::Int8Input& q, const std::int8_t* w8, float* sums) {
                         kernels::int8_conv(
                             {.n = s.rows, .ci = s.in, .h = 1, .w = 1, .co = s.out, .kh = 1, .kw = 1, .oh = 1, .ow = 1},
                             q, w8, sums);
                       });
  Tensor y = Tensor::empty(shape, Layout::kRowMajor);
  kernels::linear_forward(s, x.values().data(), w.values().data(), detail::fresh_values(y));
  if (bias.defined()) kernels::add_channels({s.rows, s.out}, bias.values().data(), detail::fresh_values(y));
  return y;
}

}  // namespace

namespace detail {

ConvGradient::ConvGradient(const char* op, const kernels::ConvShape& shape, const Tensor& w, const Tensor& dy)
    : Recipe(op),
      shape_(shape),
      w_(octet::weight_integers(w) ? w : Tensor()),
      w_values_(w_.defined() ? nullptr : snapshot(w)),
      dy_(snapshot(dy)),
      results_(dy.size()) {}

void ConvGradient::fill(const TensorBody&, float* values) const {
  kernels::conv_backward_data(shape_, weight(), dy_->floats(), values);
}

double ConvGradient::product(const float* m) const {
  const kernels::Buffer y = kernels::Buffer::floats(results_);
  kernels::conv_forward(shape_, m, weight(), nullptr, y.floats());
  return kernels::dot(results_, y.floats(), dy_->floats());
}

double ConvGradient::product(const std::uint8_t* m) const {
  const std::int64_t inputs = shape_.n * shape_.ci * shape_.h * shape_.w, channels = shape_.co;
  const WeightIntegers* const integers = octet::weight_integers(w_);
  if (!integers) {
    const kernels::Buffer floats = kernels::Buffer::floats(inputs);
    std::copy_n(m, inputs, floats.floats());
    return product(floats.floats());
  }
  const kernels::Buffer y = kernels::Buffer::floats(results_);
  const std::vector<float> zeros(static_cast<std::size_t>(channels), 0.0F);
  kernels::int8_conv(shape_, {m, 0}, integers->data(), y.floats());
  kernels::epilogue_forward({results_ / channels, channels},
                            {{y.floats(), zeros.data(), integers->scales.data(), zeros.data()}, {}}, kernels::kNoClamp,
                            y.floats());
  return kernels::dot(results_, y.floats(), dy_->floats());
}

const ConvGradient* conv_gradient_of(const Tensor& t) {
  return t.body()->storage->has_values() ? nullptr : dynamic_cast<const ConvGradient*>(t.body()->storage->recipe.get());
}

}  // namespace detail

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dParams& params) {
  const FloatEnvironment numbers;
  check_operands(ops::kConv2d, x, w);
  const ConvShape s = conv2d_shape(x.shape(), w.shape(), detail::shape_or_null(bias), params);
  Tensor y = conv2d_result(s, x, w, bias);

  const auto attributes = [params] { return attributes_of(params); };
  return record(ops::kConv2d, y, {x, w, bias}, attributes,
                [x = Saved(ops::kConv2d, "x", x), w = Saved(ops::kConv2d, "w", w), s,
                 can_wait = gradient_can_wait(s, x)](const Tensor& dy, const NeedsGrad& needs) {
                  std::vector<Tensor> grads(3);
                  if (needs[1]) grads[1] = weight_gradient(s, x, w, dy);
                  if (needs[0]) grads[0] = input_gradient(s, x, w, dy, can_wait);
                  if (needs[2]) grads[2] = bias_gradient(dy, s.co);
                  return grads;
                });
}

Tensor conv_transpose2d(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvTranspose2dParams& params) {
  const FloatEnvironment numbers;
  check_operands(ops::kConvTranspose2d, x, w);
  const ConvShape s = conv_transpose2d_shape(x.shape(), w.shape(), detail::shape_or_null(bias), params);
  if (const Size2 border = zero_border(params); border != Size2(0)) {
    ConvTranspose2dParams cut = params;
    cut.padding = {params.padding.h + border.h * params.stride.h, params.padding.w + border.w * params.stride.w};
    return conv_transpose2d(pad2d(x, border, PaddingMode::kZeros), w, bias, cut);
  }
  Tensor y = conv_transpose2d_result(s, x, w, bias);

  const auto attributes = [params] { return attributes_of(params); };
  return record(ops::kConvTranspose2d, y, {x, w, bias}, attributes,
                [x = Saved(ops::kConvTranspose2d, "x", x), w = Saved(ops::kConvTranspose2d, "w", w), s](
                    const Tensor& dy, const NeedsGrad& needs) {
                  std::vector<Tensor> grads(3);
                  if (needs[1]) {
                    grads[1] = w.empty_like();
                    kernels::conv_backward_weights(s, dy.values().data(), x.data(), detail::fresh_values(grads[1]));
                  }
                  if (needs[0]) {
                    grads[0] = x.empty_like();
                    kernels::conv_forward(s, dy.values().data(), w.data(), nullptr, detail::fresh_values(grads[0]));
                  }
                  if (needs[2]) grads[2] = bias_gradient(dy, s.ci);
                  return grads;
                });
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias) {
  const FloatEnvironment numbers;
  detail::require_defined(ops::kLinear, "x", x);
  detail::require_defined(ops::kLinear, "w", w);
  const kernels::LinearShape s = linear_shape(x.shape(), w.shape(), detail::shape_or_null(bias));
  require(x.layout() == Layout::kRowMajor, "linear: x ", x.shape(),
          " is an activation; flatten() or reshape() it first");
  Shape shape = x.shape();
  shape.back() = s.out;
  Tensor y = linear_result(s, shape, x, w, bias);

  return record(
      ops::kLinear, y, {x, w, bias}, nullptr,
      [x = Saved(ops::kLinear, "x", x), w = Saved(ops::kLinear, "w", w), s](const Tensor& dy, const NeedsGrad& needs) {
        std::vector<Tensor> grads(3);
        if (needs[0]) {
          grads[0] = x.empty_like();
          kernels::linear_backward_data(s, w.data(), dy.values().data(), detail::fresh_values(grads[0]));
        }
        if (needs[1]) {
          grads[1] = w.empty_like();
          kernels::linear_backward_weights(s, x.data(), dy.values().data(), detail::fresh_values(grads[1]));
        }
        if (needs[2]) grads[2] = bias_gradient(dy, s.out);
        return grads;
      });
}

namespace detail {

std::span<const NamedExecution> conv_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kConv2d, [](std::span<const Tensor> in,
                        const Attributes& a) { return conv2d(in[0], in[1], input_or_none(in, 2), conv2d_params(a)); }},
      {ops::kConvTranspose2d,
       [](std::span<const Tensor> in, const Attributes& a) {
         return conv_transpose2d(in[0], in[1], input_or_none(in, 2), conv_transpose2d_params(a));
       }},
      {ops::kLinear,
       [](std::span<const Tensor> in, const Attributes& a) {
         require(!attribute(a, "transposed_weight", false), "linear: a transposed weight is for files");
         return linear(in[0], in[1], input_or_none(in, 2));
       }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
