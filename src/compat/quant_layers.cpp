// SPDX-License-Identifier: Apache-2.0
#include "octet/compat/quant_layers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/compat/float16.h"
#include "octet/compat/packed_scale.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/int8/int8_inference.h"

namespace octet::deploy {
namespace {

struct Limits {
  std::int64_t least, most;
};
constexpr Limits kKernel{1, 255}, kStride{1, 63}, kPadding{0, 255}, kDilation{1, 255}, kOffset{-128, 127};
constexpr Limits kChannels{1, 1 << 20};

void require_within(const char* layer, const char* name, std::int64_t value, const Limits& limits) {
  require(value >= limits.least && value <= limits.most, layer, ": ", name, " must be from ", limits.least, " to ",
          limits.most, ", got ", value);
}
void require_within(const char* layer, const char* name, const Size2& value, const Limits& limits) {
  require(std::min(value.h, value.w) >= limits.least && std::max(value.h, value.w) <= limits.most, layer, ": ", name,
          " must be from ", limits.least, " to ", limits.most, ", got ", value);
}

// Checks what all layers have, and returns whether the output is float16.
template <typename Options>
bool check_common(const char* layer, const Options& o) {
  require_within(layer, "offset_x", o.offset_x, kOffset);
  require(o.round_mode == "rint", layer, ": round_mode must be rint, got ", in_quotes(o.round_mode));
  require(o.output_dtype == "float16" || o.output_dtype == "float32", layer,
          ": output_dtype must be float16 or float32, got ", in_quotes(o.output_dtype));
  return o.output_dtype == "float16";
}

template <typename Options>
constexpr bool kTransposed = std::is_same_v<Options, QuantConvTranspose2dOptions>;

template <typename Options>
void check_window(const char* layer, const Options& o) {
  require_within(layer, "in_channels", o.in_channels, kChannels);
  require_within(layer, "out_channels", o.out_channels, kChannels);
  require_within(layer, "kernel_size", o.kernel_size, kKernel);
  require_within(layer, "stride", o.stride, kStride);
  require_within(layer, "padding", o.padding, kPadding);
  require_within(layer, "dilation", o.dilation, kDilation);
  require(o.groups >= 1 && o.in_channels % o.groups == 0 && o.out_channels % o.groups == 0, layer, ": groups ",
          o.groups, " must divide in_channels ", o.in_channels, " and out_channels ", o.out_channels);
  if constexpr (kTransposed<Options>)
    require(o.output_padding.h >= 0 && o.output_padding.w >= 0 &&
                o.output_padding.h < std::max(o.stride.h, o.dilation.h) &&
                o.output_padding.w < std::max(o.stride.w, o.dilation.w),
            layer, ": output_padding must be smaller than stride or dilation, got ", o.output_padding);
}

std::vector<float> used_scales(const QuantScale& scale, bool cut) {
  std::vector<float> used;
  if (const auto* const packed = std::get_if<std::vector<std::int64_t>>(&scale)) {
    for (const std::int64_t word : *packed) used.push_back(unpack_scale(word));
  } else {
    for (const float s : std::get<std::vector<float>>(scale)) used.push_back(cut ? unpack_scale(pack_scale(s)) : s);
  }
  return used;
}

// Position of the weight between input channel k of its group and output channel c.
std::size_t weight_position(const kernels::ConvShape& s, bool transposed, std::int64_t k, std::int64_t c) {
  const std::int64_t taps = s.kh * s.kw;
  if (!transposed) return static_cast<std::size_t>((c * (s.ci / s.groups) + k) * taps);
  const std::int64_t per_group = s.ci / s.groups;
  return static_cast<std::size_t>(((c / per_group * (s.co / s.groups) + k) * per_group + c % per_group) * taps);
}

}  // namespace

struct QuantLayer::Engine {
  const char* layer;
  bool transposed, float16;
  std::int64_t offset_x;
  kernels::ConvShape shape;  // without the sizes of images
  std::vector<std::int8_t> weight;
  std::vector<float> scale;
  std::vector<std::int64_t> bias;  // with what offset_x adds to every sum

  // The sums for the shape that came last.
  mutable std::mutex mutex;
  mutable kernels::ConvShape last_shape;
  mutable int last_threads = 0;
  mutable std::shared_ptr<const kernels::Int8Layer> last;
  std::shared_ptr<const kernels::Int8Layer> sums_for(const kernels::ConvShape& s) const;

  std::int64_t in_channels() const { return transposed ? shape.co : shape.ci; }
  std::int64_t out_channels() const { return transposed ? shape.ci : shape.co; }

  // Of a layer with a window; checks its options.
  template <typename Options>
  static std::unique_ptr<Engine> with_window(const char* layer, const Options& o, const QuantParameters& p);
  void take(const QuantParameters& p, bool has_bias);
  QuantOutput run(const kernels::ConvShape& s, const Int8Tensor& x, Shape output) const;
};

template <typename Options>
std::unique_ptr<QuantLayer::Engine> QuantLayer::Engine::with_window(const char* layer, const Options& o,
                                                                    const QuantParameters& p) {
  check_window(layer, o);
  auto engine = std::make_unique<Engine>();
  engine->layer = layer;
  engine->float16 = check_common(layer, o);
  engine->transposed = kTransposed<Options>;
  engine->offset_x = o.offset_x;
  engine->shape = {.ci = o.in_channels,
                   .co = o.out_channels,
                   .kh = o.kernel_size.h,
                   .kw = o.kernel_size.w,
                   .stride = o.stride,
                   .padding = o.padding,
                   .dilation = o.dilation,
                   .groups = o.groups};
  if constexpr (kTransposed<Options>) {
    // The convolution whose data gradient this is; h and w hold output_padding until sizes are known.
    std::swap(engine->shape.ci, engine->shape.co);
    engine->shape.h = o.output_padding.h;
    engine->shape.w = o.output_padding.w;
  }
  engine->take(p, o.bias);
  return engine;
}

void QuantLayer::Engine::take(const QuantParameters& p, bool has_bias) {
  const FloatEnvironment numbers;
  const auto channels = static_cast<std::size_t>(out_channels());
  require(static_cast<std::int64_t>(p.weight.size()) == shape.weight_count(), layer, ": weight must have ",
          shape.weight_count(), " values, has ", p.weight.size());
  scale = used_scales(p.scale, float16);
  require(scale.size() == channels, layer, ": scale must have ", channels, " values, has ", scale.size());
  require(p.bias.size() == (has_bias ? channels : 0), layer, ": bias must have ", has_bias ? channels : 0,
          " values, has ", p.bias.size());
  weight = p.weight;
  const std::int64_t taps = shape.kh * shape.kw, inputs = in_channels() / shape.groups;
  require(128 * 128 * inputs * taps <= std::numeric_limits<std::int32_t>::max(), layer, ": sums of ", inputs * taps,
          " products could leave int32");
  for (std::size_t c = 0; c < channels; ++c) {
    const std::int64_t own = has_bias ? p.bias[c] : 0;
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < inputs; ++k)
      for (std::int64_t t = 0; t < taps; ++t)
        sum +=
            weight[weight_position(shape, transposed, k, static_cast<std::int64_t>(c)) + static_cast<std::size_t>(t)];
    bias.push_back(own + offset_x * sum);
  }
}

std::shared_ptr<const kernels::Int8Layer> QuantLayer::Engine::sums_for(const kernels::ConvShape& s) const {
  const std::lock_guard lock(mutex);
  if (!last || last_shape != s || last_threads != kernels::num_threads()) {
    kernels::Int8Epilogue unused;
    unused.bias.assign(scale.size(), 0.0F);
    unused.scale.assign(scale.size(), 1.0F);
    last = std::make_shared<const kernels::Int8Layer>(
        kernels::Int8Sums{s, transposed, static_cast<std::int32_t>(offset_x) + 128}, weight, unused);
    last_shape = s;
    last_threads = kernels::num_threads();
  }
  return last;
}

QuantOutput QuantLayer::Engine::run(const kernels::ConvShape& s, const Int8Tensor& x, Shape output_shape) const {
  const FloatEnvironment numbers;
  const std::int64_t channels = out_channels(), in = in_channels();
  const std::int64_t in_pixels = transposed ? s.oh * s.ow : s.h * s.w,
                     out_pixels = transposed ? s.h * s.w : s.oh * s.ow;
  QuantOutput y{std::move(output_shape), {}, {}};
  const std::int64_t count = s.n * channels * out_pixels;
  if (count == 0) return y;
  std::vector<std::uint8_t> q(x.values.size());  // channels-last, unsigned
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t c = 0; c < in; ++c)
      for (std::int64_t i = 0; i < in_pixels; ++i)
        q[static_cast<std::size_t>((n * in_pixels + i) * in + c)] =
            static_cast<std::uint8_t>(x.values[static_cast<std::size_t>((n * in + c) * in_pixels + i)] + 128);
  std::vector<std::int64_t> acc(static_cast<std::size_t>(count));
  sums_for(s)->add_sums(q.data(), acc.data());
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t c = 0; c < channels; ++c)
      for (std::int64_t i = 0; i < out_pixels; ++i) {
        const std::int64_t sum =
            acc[static_cast<std::size_t>((n * out_pixels + i) * channels + c)] + bias[static_cast<std::size_t>(c)];
        require(std::in_range<std::int32_t>(sum), layer, ": the sum ", sum, " of channel ", c, " leaves int32");
        const float f = static_cast<float>(sum) * scale[static_cast<std::size_t>(c)];
        if (float16)
          y.float16.push_back(float16_bits(f));
        else
          y.float32.push_back(f);
      }
  return y;
}

QuantLayer::QuantLayer(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
QuantLayer::~QuantLayer() = default;

namespace {

void check_image(const char* layer, const Int8Tensor& x, std::int64_t channels) {
  require(x.shape.size() == 4, layer, ": the input must be [N, C, H, W], is ", x.shape);
  require(std::ranges::all_of(x.shape, [](std::int64_t size) { return size >= 0 && size < 1 << 24; }) &&
              static_cast<std::int64_t>(x.values.size()) == element_count(x.shape),
          layer, ": the input ", x.shape, " has ", x.values.size(), " values");
  require(x.shape[1] == channels, layer, ": the input must have ", channels, " channels, is ", x.shape);
}

}  // namespace

QuantConv2d::QuantConv2d(const QuantConv2dOptions& o, const QuantParameters& parameters)
    : QuantLayer(Engine::with_window("QuantConv2d", o, parameters)) {}

QuantOutput QuantConv2d::forward(const Int8Tensor& x) const {
  const Engine& e = engine();
  check_image(e.layer, x, e.shape.ci);
  kernels::ConvShape s = e.shape;
  s.n = x.shape[0];
  s.h = x.shape[2];
  s.w = x.shape[3];
  const std::int64_t span_h = s.h + 2 * s.padding.h - s.dilation.h * (s.kh - 1) - 1;
  const std::int64_t span_w = s.w + 2 * s.padding.w - s.dilation.w * (s.kw - 1) - 1;
  require(span_h >= 0 && span_w >= 0, e.layer, ": the output would be empty (input ", x.shape, ", kernel_size ",
          Size2(s.kh, s.kw), ", padding ", s.padding, ", dilation ", s.dilation, ")");
  s.oh = span_h / s.stride.h + 1;
  s.ow = span_w / s.stride.w + 1;
  return e.run(s, x, {s.n, s.co, s.oh, s.ow});
}

QuantConvTranspose2d::QuantConvTranspose2d(const QuantConvTranspose2dOptions& o, const QuantParameters& parameters)
    : QuantLayer(Engine::with_window("QuantConvTranspose2d", o, parameters)) {}

QuantOutput QuantConvTranspose2d::forward(const Int8Tensor& x) const {
  const Engine& e = engine();
  check_image(e.layer, x, e.shape.co);
  kernels::ConvShape s = e.shape;
  s.n = x.shape[0];
  s.oh = x.shape[2];
  s.ow = x.shape[3];
  s.h += (s.oh - 1) * s.stride.h - 2 * s.padding.h + s.dilation.h * (s.kh - 1) + 1;
  s.w += (s.ow - 1) * s.stride.w - 2 * s.padding.w + s.dilation.w * (s.kw - 1) + 1;
  require(s.oh >= 1 && s.ow >= 1 && s.h >= 1 && s.w >= 1, e.layer, ": the output would be empty (input ", x.shape,
          ", padding ", s.padding, ")");
  return e.run(s, x, {s.n, s.ci, s.h, s.w});
}

QuantLinear::QuantLinear(const QuantLinearOptions& o, const QuantParameters& parameters)
    : QuantLayer([&] {
        constexpr const char* kLayer = "QuantLinear";
        require_within(kLayer, "in_features", o.in_features, kChannels);
        require_within(kLayer, "out_features", o.out_features, kChannels);
        auto engine = std::make_unique<Engine>();
        engine->layer = kLayer;
        engine->float16 = check_common(kLayer, o);
        engine->transposed = false;
        engine->offset_x = o.offset_x;
        engine->shape = {.h = 1, .w = 1, .oh = 1, .ow = 1};
        engine->shape.ci = o.in_features;
        engine->shape.co = o.out_features;
        engine->shape.kh = engine->shape.kw = 1;
        engine->take(parameters, o.bias);
        return engine;
      }()) {}

QuantOutput QuantLinear::forward(const Int8Tensor& x) const {
  const Engine& e = engine();
  require(!x.shape.empty() && x.shape.back() == e.shape.ci, e.layer, ": the input must be [..., ", e.shape.ci, "], is ",
          x.shape);
  require(std::ranges::all_of(x.shape, [](std::int64_t size) { return size >= 0 && size < 1 << 24; }) &&
              static_cast<std::int64_t>(x.values.size()) == element_count(x.shape),
          e.layer, ": the input ", x.shape, " has ", x.values.size(), " values");
  kernels::ConvShape s = e.shape;
  s.n = static_cast<std::int64_t>(x.values.size()) / s.ci;  // a pixel per input
  Shape output = x.shape;
  output.back() = s.co;
  return e.run(s, x, std::move(output));
}

}  // namespace octet::deploy
