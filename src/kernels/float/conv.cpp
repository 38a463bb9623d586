// SPDX-License-Identifier: Apache-2.0
// Primitives are made once per (direction, shape of a piece), and the latest are kept. Weights are packed into the
// primitive's format once per call, which in training is once per step, or once per PackedConv.
#include "octet/kernels/float/conv.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/core/parallel.h"
#include "octet/kernels/core/recent.h"
#include "octet/kernels/core/simd.h"
#include "octet/kernels/onednn/onednn.h"

namespace octet::kernels {
namespace {

using dnnl::memory;

constexpr std::int64_t kSlices = 8;                              // of a batch; enough for 8 threads, cheap for 1
constexpr std::int64_t kGradientBytes = std::int64_t{32} << 20;  // of all slices' weight gradients together

std::atomic<BatchSum> batch_sum{BatchSum::kFixedOrder};

Chunks batch_slices(std::int64_t n, std::int64_t slices) { return {n, (n + slices - 1) / slices}; }

// A wide layer's weights outweigh its activations: fewer slices, so that adding them up stays cheap.
Chunks gradient_slices(const ConvShape& s) {
  const std::int64_t bytes = s.weight_count() * static_cast<std::int64_t>(sizeof(float));
  return batch_slices(s.n, std::clamp(kGradientBytes / bytes, std::int64_t{4}, kSlices));
}

struct ConvKey {
  ConvDirection direction;
  bool bias;
  int threads;
  ConvShape shape;

  friend bool operator==(const ConvKey&, const ConvKey&) = default;
};
struct HashOfConvKey {
  std::size_t operator()(const ConvKey& key) const {
    return hash(key.shape) * 3 + static_cast<std::size_t>(key.direction);
  }
};

// A ResNet-50 has some 150 in training, and as many again for each other batch or image size.
constexpr std::size_t kPrimitives = 4096;

using ConvPrimitivePtr = std::shared_ptr<const ConvPrimitive>;

ConvPrimitivePtr cached_conv(ConvDirection direction, ConvShape s, std::int64_t n, bool bias) {
  static RecentAnswers<ConvKey, ConvPrimitive, HashOfConvKey> cache(kPrimitives);
  s.n = n;
  return cache.get({direction, bias, num_threads(), s}, [&] { return make_conv(direction, s, bias); });
}

Buffer pack(const ConvShape& s, const float* w, const memory::desc& format) {
  Buffer packed(static_cast<std::int64_t>(format.get_size()));
  reorder(weight_desc(s), w, format, packed.data());
  return packed;
}

// An activation in the format that the primitive wants; a copy only where channels-last has no fast kernel.
class Activation {
 public:
  Activation(const memory::desc& nhwc, const memory::desc& wanted, bool same, const float* data)
      : nhwc_(nhwc), wanted_(wanted), data_(data) {
    if (!same) copy_ = Buffer(static_cast<std::int64_t>(wanted.get_size()));
  }
  memory input() {
    if (copy_.data()) reorder(nhwc_, data_, wanted_, copy_.data());
    return output();
  }
  memory output() const { return wrap(wanted_, copy_.data() ? copy_.data() : data_); }
  void store() {
    if (copy_.data()) reorder(wanted_, copy_.data(), nhwc_, const_cast<float*>(data_));
  }

 private:
  const memory::desc nhwc_, wanted_;
  const float* data_;
  Buffer copy_;
};

struct SliceData {
  const float *src, *weights, *bias, *dst;  // of this slice; what the direction computes is written
};

void run(ConvDirection direction, const ConvPrimitive& conv, const ConvShape& s, std::int64_t n,
         const SliceData& data) {
  const Buffer scratchpad(static_cast<std::int64_t>(conv.scratchpad.get_size()));
  Activation src(nhwc_desc(n, s.ci, s.h, s.w), conv.src, conv.src_is_nhwc, data.src);
  Activation dst(nhwc_desc(n, s.co, s.oh, s.ow), conv.dst, conv.dst_is_nhwc, data.dst);
  const memory weights = wrap(conv.weights, data.weights), scratch = wrap(conv.scratchpad, scratchpad.data());
  dnnl::stream& stream = onednn_stream();
  if (direction == ConvDirection::kForward) {
    std::unordered_map<int, memory> args{{DNNL_ARG_SRC, src.input()},
                                         {DNNL_ARG_WEIGHTS, weights},
                                         {DNNL_ARG_DST, dst.output()},
                                         {DNNL_ARG_SCRATCHPAD, scratch}};
    if (data.bias)
      args.emplace(DNNL_ARG_BIAS, wrap(memory::desc({s.co}, memory::data_type::f32, memory::format_tag::x), data.bias));
    conv.primitive.execute(stream, args);
    stream.wait();
    dst.store();
  } else if (direction == ConvDirection::kBackwardData) {
    conv.primitive.execute(stream, {{DNNL_ARG_DIFF_SRC, src.output()},
                                    {DNNL_ARG_WEIGHTS, weights},
                                    {DNNL_ARG_DIFF_DST, dst.input()},
                                    {DNNL_ARG_SCRATCHPAD, scratch}});
    stream.wait();
    src.store();
  } else {
    conv.primitive.execute(stream, {{DNNL_ARG_SRC, src.input()},
                                    {DNNL_ARG_DIFF_WEIGHTS, weights},
                                    {DNNL_ARG_DIFF_DST, dst.input()},
                                    {DNNL_ARG_SCRATCHPAD, scratch}});
    stream.wait();
  }
}

ConvPrimitivePtr slice_conv(ConvDirection direction, const ConvShape& s, std::int64_t n, bool bias) {
  const SingleThread one;
  return cached_conv(direction, s, n, bias);
}

// Some images of a convolution, or some rows of the results of one, as a convolution of its own.
struct Piece {
  ConvShape s;
  std::int64_t src, dst;  // where its data begin
};

// Pieces of one image: fewer where each would use the weights for a few pixels only.
std::int64_t row_pieces(const ConvShape& s) {
  constexpr std::int64_t kLeastProducts = 1 << 20, kLeastPixels = 24;
  const std::int64_t pixels = s.oh * s.ow;
  return std::max<std::int64_t>(
      1, std::min({s.oh, kSlices, pixels / kLeastPixels, pixels * s.weight_count() / kLeastProducts}));
}

Piece rows_of(const ConvShape& s, std::int64_t begin, std::int64_t end) {
  const std::int64_t top = begin * s.stride.h - s.padding.h;
  const std::int64_t bottom = (end - 1) * s.stride.h - s.padding.h + (s.kh - 1) * s.dilation.h + 1;
  const std::int64_t first = std::max<std::int64_t>(top, 0), last = std::min(bottom, s.h);
  Piece piece{s, first * s.w * s.ci, begin * s.ow * s.co};
  piece.s.h = last - first;
  piece.s.oh = end - begin;
  piece.s.padding.h = first - top;
  return piece;
}

// Forward and data gradient: every output element belongs to one image, so pieces share nothing but the weights. They
// depend on the shape alone.
std::vector<Piece> cut(ConvDirection direction, const ConvShape& s) {
  std::vector<Piece> pieces;
  const bool every_row_sees_the_image = s.padding.h < s.kh && (s.oh - 1) * s.stride.h - s.padding.h < s.h;
  if (direction == ConvDirection::kForward && s.n == 1 && every_row_sees_the_image) {
    const Chunks rows{s.oh, (s.oh + row_pieces(s) - 1) / row_pieces(s)};
    for (std::int64_t i = 0; i < rows.count(); ++i) pieces.push_back(rows_of(s, rows.begin(i), rows.end(i)));
    return pieces;
  }
  const Chunks slices = batch_slices(s.n, kSlices);
  for (std::int64_t i = 0; i < slices.count(); ++i) {
    const std::int64_t begin = slices.begin(i);
    pieces.push_back({s, begin * s.ci * s.h * s.w, begin * s.co * s.oh * s.ow});
    pieces.back().s.n = slices.end(i) - begin;
  }
  return pieces;
}

OCTET_CLONES void add_up(const float* parts, std::int64_t count, std::int64_t stride, float* sum, std::int64_t begin,
                         std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) {
    float total = parts[i];
    for (std::int64_t k = 1; k < count; ++k) total += parts[k * stride + i];
    sum[i] = total;
  }
}

// The images of a batch from `begin` on: where they are, or dequantized into a copy that `storage` keeps.
const float* images(const float* x, std::int64_t begin, std::int64_t, Buffer&) { return x + begin; }
const float* images(const QuantizedInput& x, std::int64_t begin, std::int64_t count, Buffer& storage) {
  storage = Buffer::floats(count);
  dequantize(count, x.scale, x.q + begin, storage.floats());
  return storage.floats();
}

// Where the gradients of all batch slices together outweigh dy, output channels are shared out instead of images: each
// piece sums over the whole batch and is a block of rows of dw, so nothing is left to add up. What it takes is a copy
// of dy, piece by piece.
bool share_outputs(const ConvShape& s) {
  constexpr std::int64_t kLeast = 16;  // channels of a piece: what oneDNN's kernels compute at once
  const std::int64_t dy = s.n * s.oh * s.ow * s.co;
  return s.groups == 1 && s.co % (kSlices * kLeast) == 0 && s.weight_count() * gradient_slices(s).count() > 2 * dy;
}

OCTET_CLONES void copy_channels(std::int64_t rows, std::int64_t channels, std::int64_t of, const float* from,
                                float* to) {
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t c = 0; c < channels; ++c) to[row * channels + c] = from[row * of + c];
}

template <typename Input>
void backward_weights_by_outputs(const ConvShape& s, const Input& x, const float* dy, float* dw) {
  ConvShape piece = s;
  piece.co = s.co / kSlices;
  const ConvPrimitivePtr made = slice_conv(ConvDirection::kBackwardWeights, piece, s.n, false);
  const ConvPrimitive& conv = *made;
  Buffer storage;
  const float* const values = images(x, 0, s.n * s.ci * s.h * s.w, storage);
  const std::int64_t rows = s.n * s.oh * s.ow;
  parallel_tasks(kSlices, [&](std::int64_t i) {
    const SingleThread one;
    const Buffer own_dy = Buffer::floats(rows * piece.co), gradient(static_cast<std::int64_t>(conv.weights.get_size()));
    copy_channels(rows, piece.co, s.co, dy + i * piece.co, own_dy.floats());
    run(ConvDirection::kBackwardWeights, conv, piece, s.n, {values, gradient.floats(), nullptr, own_dy.floats()});
    reorder(conv.weights, gradient.data(), weight_desc(piece), dw + i * piece.weight_count());
  });
}

template <typename Input>
void backward_weights(const ConvShape& s, const Input& x, const float* dy, float* dw) {
  if (s.n == 0) return std::fill_n(dw, s.weight_count(), 0.0F), void();
  const memory::desc plain = weight_desc(s);
  if (batch_sum == BatchSum::kThreadDependent) {
    const ConvPrimitivePtr made = cached_conv(ConvDirection::kBackwardWeights, s, s.n, false);
    const ConvPrimitive& whole = *made;
    const Buffer gradient(static_cast<std::int64_t>(whole.weights.get_size()));
    Buffer storage;
    run(ConvDirection::kBackwardWeights, whole, s, s.n,
        {images(x, 0, s.n * s.ci * s.h * s.w, storage), gradient.floats(), nullptr, dy});
    return reorder(whole.weights, gradient.data(), plain, dw);
  }

  if (share_outputs(s)) return backward_weights_by_outputs(s, x, dy, dw);

  const Chunks slices = gradient_slices(s);
  const std::int64_t src_image = s.ci * s.h * s.w, dst_image = s.co * s.oh * s.ow;
  const std::int64_t last_n = s.n - slices.begin(slices.count() - 1);
  const ConvPrimitivePtr made = slice_conv(ConvDirection::kBackwardWeights, s, slices.chunk, false);
  const ConvPrimitivePtr made_last =
      last_n == slices.chunk ? made : slice_conv(ConvDirection::kBackwardWeights, s, last_n, false);
  const ConvPrimitive &conv = *made, &last = *made_last;
  const std::int64_t part = static_cast<std::int64_t>(conv.weights.get_size() / sizeof(float));
  const Buffer parts = Buffer::floats(part * slices.count());
  parallel_tasks(slices.count(), [&](std::int64_t i) {
    const SingleThread one;
    const std::int64_t begin = slices.begin(i), n = slices.end(i) - begin;
    const bool is_last = i + 1 == slices.count();
    float* const gradient = parts.floats() + i * part;
    Buffer storage;
    const SliceData data{images(x, begin * src_image, n * src_image, storage), gradient, nullptr,
                         dy + begin * dst_image};
    if (!is_last || last.weights == conv.weights)
      return run(ConvDirection::kBackwardWeights, is_last ? last : conv, s, n, data);
    const Buffer other(static_cast<std::int64_t>(last.weights.get_size()));  // the short slice has a format of its own
    run(ConvDirection::kBackwardWeights, last, s, n, {data.src, other.floats(), nullptr, data.dst});
    reorder(last.weights, other.data(), conv.weights, gradient);
  });
  float* const sum = conv.weights == plain ? dw : parts.floats();
  parallel_range(part, kStreamChunk, [&](std::int64_t begin, std::int64_t end) {
    add_up(parts.floats(), slices.count(), part, sum, begin, end);
  });
  if (sum != dw) reorder(conv.weights, sum, plain, dw);
}

// Whether a position on one axis of the input lies in a window.
bool is_seen(std::int64_t at, std::int64_t out, std::int64_t k, std::int64_t stride, std::int64_t padding,
             std::int64_t dilation) {
  for (std::int64_t i = 0; i < k; ++i) {
    const std::int64_t start = at + padding - i * dilation;
    if (start >= 0 && start % stride == 0 && start / stride < out) return true;
  }
  return false;
}

}  // namespace

void clear_gaps(const ConvShape& s, void* x) {
  constexpr std::int64_t kValue = 4;  // bytes
  const std::int64_t pixel = s.ci * kValue, row = s.w * pixel;
  const auto clear = [&](std::int64_t begin, std::int64_t bytes) {
    std::memset(static_cast<std::byte*>(x) + begin, 0, static_cast<std::size_t>(bytes));
  };
  for (std::int64_t h = 0; h < s.h; ++h)
    if (!is_seen(h, s.oh, s.kh, s.stride.h, s.padding.h, s.dilation.h))
      for (std::int64_t n = 0; n < s.n; ++n) clear((n * s.h + h) * row, row);
  for (std::int64_t w = 0; w < s.w; ++w)
    if (!is_seen(w, s.ow, s.kw, s.stride.w, s.padding.w, s.dilation.w))
      for (std::int64_t i = 0; i < s.n * s.h; ++i) clear(i * row + w * pixel, pixel);
}

void set_batch_sum(BatchSum how) { batch_sum = how; }

struct PackedConv::Program {
  struct Task {
    Piece piece;
    ConvPrimitivePtr conv;
    const float* weights;
  };
  ConvDirection direction;
  ConvShape shape;
  std::vector<Task> tasks;
  std::vector<std::shared_ptr<const Buffer>> packed;
};

// A format leaves with the last layer that has it.
struct ConvWeights::Packed {
  struct Format {
    memory::desc desc;
    std::weak_ptr<const Buffer> weights;
  };
  std::mutex mutex;
  std::vector<Format> formats;

  std::shared_ptr<const Buffer> get(const ConvShape& s, const float* w, const memory::desc& format) {
    const std::lock_guard lock(mutex);
    std::erase_if(formats, [](const Format& f) { return f.weights.expired(); });
    for (const Format& f : formats)
      if (f.desc == format)
        if (std::shared_ptr<const Buffer> weights = f.weights.lock()) return weights;
    const auto made = std::make_shared<const Buffer>(pack(s, w, format));
    formats.push_back({format, made});
    return made;
  }
};

ConvWeights::ConvWeights(std::shared_ptr<const std::vector<float>> values)
    : values_(std::move(values)), packed_(std::make_unique<Packed>()) {}

ConvWeights::~ConvWeights() = default;

PackedConv::PackedConv(ConvPass pass, const ConvShape& s, const float* w, bool has_bias) {
  make(pass, s, w, has_bias, nullptr);
}

PackedConv::PackedConv(ConvPass pass, const ConvShape& s, std::shared_ptr<const ConvWeights> weights, bool has_bias)
    : shared_(std::move(weights)) {
  make(pass, s, shared_->values().data(), has_bias, shared_.get());
}

void PackedConv::make(ConvPass pass, const ConvShape& s, const float* w, bool has_bias, const ConvWeights* shared) {
  const ConvDirection direction = pass == ConvPass::kForward ? ConvDirection::kForward : ConvDirection::kBackwardData;
  auto program = std::make_unique<Program>(Program{direction, s, {}, {}});
  std::vector<Program::Task>& tasks = program->tasks;
  for (const Piece& piece : cut(direction, s)) {
    ConvPrimitivePtr conv = slice_conv(direction, piece.s, piece.s.n, has_bias);
    const auto same =
        std::ranges::find_if(tasks, [&](const auto& task) { return task.conv->weights == conv->weights; });
    const float* weights = same != tasks.end() ? same->weights : w;
    if (same == tasks.end() && conv->weights != weight_desc(s)) {
      program->packed.push_back(shared ? shared->packed().get(s, w, conv->weights)
                                       : std::make_shared<const Buffer>(pack(s, w, conv->weights)));
      weights = program->packed.back()->floats();
    }
    tasks.push_back({piece, std::move(conv), weights});
  }
  program_ = std::move(program);
}

PackedConv::~PackedConv() = default;

void PackedConv::run(const float* from, const float* bias, float* to) const {
  const Program& p = *program_;
  const bool forward = p.direction == ConvDirection::kForward;
  const float *const src = forward ? from : to, *const dst = forward ? to : from;
  parallel_tasks(std::ssize(p.tasks), [&](std::int64_t i) {
    const SingleThread one;
    const auto& [piece, conv, weights] = p.tasks[static_cast<std::size_t>(i)];
    kernels::run(p.direction, *conv, piece.s, piece.s.n, {src + piece.src, weights, bias, dst + piece.dst});
  });
  if (!forward) clear_gaps(p.shape, to);
}

void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias, float* y) {
  PackedConv(ConvPass::kForward, s, w, bias != nullptr).run(x, bias, y);
}

void conv_backward_data(const ConvShape& s, const float* w, const float* dy, float* dx) {
  PackedConv(ConvPass::kBackwardData, s, w, false).run(dy, nullptr, dx);
}

void conv_backward_weights(const ConvShape& s, const float* x, const float* dy, float* dw) {
  backward_weights(s, x, dy, dw);
}

void conv_backward_weights(const ConvShape& s, const QuantizedInput& x, const float* dy, float* dw) {
  backward_weights(s, x, dy, dw);
}

}  // namespace octet::kernels
