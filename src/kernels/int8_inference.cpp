// SPDX-License-Identifier: Apache-2.0
// A layer is cut into units: some images, or some rows of one image, or some channels of a small one, so that every
// thread has work and the int32 sums stay in a near cache until the epilogue has read them. Sums are exact, so the cut
// shows in no result. Units of equal shape share a variant: the kernel and the weights in its format.
//
// Which kernel can be trusted is found out, not assumed (see int8_conv.cpp). In order of preference:
//   direct   our own (int8_direct.h)
//   oneDNN   one single-threaded u8 x s8 primitive, with its own zero point, or with the zero point's share taken off
//            afterwards
//   split    q = 2 * (q >> 1) + (q & 1): two convolutions of at most 7 bits, whose products cannot saturate
//   float32  integers in a float convolution, where sums stay below 2^24
//   loop     the scalar loop
#include "octet/kernels/int8_inference.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/rng.h"
#include "octet/kernels/int8_cut.h"
#include "octet/kernels/int8_direct.h"
#include "octet/kernels/int8_layer.h"
#include "octet/kernels/memory.h"
#include "octet/kernels/parallel.h"
#include "octet/kernels/simd.h"

namespace octet::kernels {
namespace {

using dnnl::memory;

enum class Path { kDirect, kOwnZeroPoint, kOnes, kSplit, kFloat, kLoop };

// ---- one part -------------------------------------------------------------------------------------------------------

memory::desc zero_point_desc() { return memory::desc({1}, memory::data_type::s32, memory::format_tag::x); }

// The memory objects of one run at a time; where source and destination lie is set for each.
struct Arguments {
  Buffer scratchpad_buffer;
  memory src, weights, dst, scratchpad, zero_point;

  Arguments(const ConvPrimitive& conv, const void* packed_weights, const std::int32_t& zero)
      : scratchpad_buffer(static_cast<std::int64_t>(conv.scratchpad.get_size())),
        src(conv.src, onednn_engine(), DNNL_MEMORY_NONE),
        weights(wrap(conv.weights, packed_weights)),
        dst(conv.dst, onednn_engine(), DNNL_MEMORY_NONE),
        scratchpad(wrap(conv.scratchpad, scratchpad_buffer.data())),
        zero_point(wrap(zero_point_desc(), &zero)) {}
};

// Arguments that wait for the next run.
class ArgumentPool {
 public:
  /// Null if none waits.
  std::unique_ptr<Arguments> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    std::unique_ptr<Arguments> taken = std::move(free_.back());
    free_.pop_back();
    return taken;
  }
  void give_back(std::unique_ptr<Arguments> arguments) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(arguments));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Arguments>> free_;
};

// What a zero point that the primitive does not know adds to the sums: -correction[c] everywhere, and at some pixels,
// near the border, that much less `excess`.
struct ZeroPointShare {
  std::vector<std::int32_t> correction;  // added to every pixel's sums by the epilogue; empty: nothing
  std::vector<std::int64_t> pixels;
  std::vector<std::int32_t> excess;  // [pixels, channels], added before
};

ZeroPointShare share_of(const Int8LayerShape& l, std::int32_t zero_point, const std::int8_t* w) {
  const std::vector<std::int32_t> ones = int8_sums_of_ones(l, w);
  const std::int64_t channels = l.out_channels(), pixels = l.out_rows() * l.out_columns();
  const std::int32_t* const middle =
      ones.data() + (l.out_rows() / 2 * l.out_columns() + l.out_columns() / 2) * channels;
  ZeroPointShare share;
  for (std::int64_t c = 0; c < channels; ++c) share.correction.push_back(-zero_point * middle[c]);
  for (std::int64_t i = 0; i < pixels; ++i) {
    const std::int32_t* const here = ones.data() + i * channels;
    if (std::equal(here, here + channels, middle)) continue;
    share.pixels.push_back(i);
    for (std::int64_t c = 0; c < channels; ++c) share.excess.push_back(zero_point * (middle[c] - here[c]));
  }
  return share;
}

struct Variant {
  Int8Part part;
  std::int32_t zero_point;
  Path path = Path::kLoop;
  ConvPrimitive conv{};
  const std::int8_t* weights = nullptr;  // row-major, of this part
  Buffer packed{};
  std::optional<Int8Direct> direct{};
  std::vector<float> float_weights{};
  ZeroPointShare share{};
  std::optional<Int8Finisher> finisher{};
  std::vector<std::int32_t> start{};  // of the sums, for the finisher's sake; empty: 0
  std::unique_ptr<ArgumentPool> arguments = std::make_unique<ArgumentPool>();

  std::int64_t sums() const { return part.shape.s.n * part.shape.out_image(); }
  std::int64_t inputs() const { return part.shape.s.n * part.shape.in_image(); }
};

void execute(const Variant& v, const std::uint8_t* x, std::int32_t* acc) {
  std::unique_ptr<Arguments> a = v.arguments->take();
  if (!a) a = std::make_unique<Arguments>(v.conv, v.packed.data(), v.zero_point);
  a->src.set_data_handle(const_cast<std::uint8_t*>(x));
  a->dst.set_data_handle(acc);
  const dnnl_exec_arg_t list[] = {{DNNL_ARG_SRC, a->src.get()},
                                  {DNNL_ARG_WEIGHTS, a->weights.get()},
                                  {DNNL_ARG_DST, a->dst.get()},
                                  {DNNL_ARG_SCRATCHPAD, a->scratchpad.get()},
                                  {DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, a->zero_point.get()}};
  dnnl::error::wrap_c_api(dnnl_primitive_execute(v.conv.primitive.get(), onednn_stream().get(),
                                                 v.path == Path::kOwnZeroPoint ? 5 : 4, list),
                          "an int8 convolution failed");
  onednn_stream().wait();
  v.arguments->give_back(std::move(a));
}

OCTET_CLONES void halve(std::int64_t n, const std::uint8_t* q, std::uint8_t* high, std::uint8_t* low) {
  for (std::int64_t i = 0; i < n; ++i) {
    high[i] = static_cast<std::uint8_t>(q[i] >> 1);
    low[i] = q[i] & 1U;
  }
}

OCTET_CLONES void join_halves(std::int64_t n, const std::int32_t* low, std::int32_t* acc) {
  for (std::int64_t i = 0; i < n; ++i) acc[i] = 2 * acc[i] + low[i];
}

OCTET_CLONES void add_integers(std::int64_t n, const std::int32_t* more, std::int32_t* acc) {
  for (std::int64_t i = 0; i < n; ++i) acc[i] += more[i];
}

void run_split(const Variant& v, const std::uint8_t* x, std::int32_t* acc) {
  const Buffer halves(2 * v.inputs()), low_sums(v.sums() * static_cast<std::int64_t>(sizeof(std::int32_t)));
  auto* const high = static_cast<std::uint8_t*>(halves.data());
  auto* const low = static_cast<std::int32_t*>(low_sums.data());
  halve(v.inputs(), x, high, high + v.inputs());
  execute(v, high, acc);
  execute(v, high + v.inputs(), low);
  join_halves(v.sums(), low, acc);
}

void run_float(const Variant& v, const std::uint8_t* x, std::int32_t* acc) {
  const Buffer values = Buffer::floats(v.inputs()), sums = Buffer::floats(v.sums());
  dequantize(v.inputs(), {1.0F, v.zero_point}, x, values.floats());
  if (v.part.shape.plain())
    conv_forward(v.part.shape.s, values.floats(), v.float_weights.data(), nullptr, sums.floats());
  else
    conv_backward_data(v.part.shape.s, v.float_weights.data(), values.floats(), sums.floats());
  for (std::int64_t i = 0; i < v.sums(); ++i) acc[i] = static_cast<std::int32_t>(sums.floats()[i]);
}

void run_loop(const Variant& v, const std::uint8_t* x, std::int32_t* acc) {
  const Int8LayerShape& l = v.part.shape;
  for (std::int64_t n = 0; n < l.s.n; ++n)
    for (std::int64_t row = 0; row < l.out_rows(); ++row)
      for (std::int64_t column = 0; column < l.out_columns(); ++column)
        for (std::int64_t c = 0; c < l.out_channels(); ++c)
          *acc++ = static_cast<std::int32_t>(int8_scalar_sum(l, x, v.zero_point, v.weights, {n, row, column, c}));
}

// The sums but for what the epilogue adds.
void compute_sums(const Variant& v, const std::uint8_t* x, std::int32_t* acc) {
  switch (v.path) {
    case Path::kDirect:
      return v.direct->run(x, nullptr, [&](const std::int32_t* sums, std::int64_t pixels, std::int64_t first) {
        const std::int64_t channels = v.part.shape.out_channels();
        std::copy_n(sums, pixels * channels, acc + first * channels);
      });
    case Path::kOwnZeroPoint:
      return execute(v, x, acc);
    case Path::kOnes:
      execute(v, x, acc);
      break;
    case Path::kSplit:
      run_split(v, x, acc);
      break;
    case Path::kFloat:
      return run_float(v, x, acc);
    case Path::kLoop:
      return run_loop(v, x, acc);
  }
  const std::int64_t channels = v.part.shape.out_channels(), image = v.part.shape.out_image();
  for (std::int64_t n = 0; n < v.part.shape.s.n; ++n)
    for (std::size_t i = 0; i < v.share.pixels.size(); ++i)
      add_integers(channels, v.share.excess.data() + static_cast<std::int64_t>(i) * channels,
                   acc + n * image + v.share.pixels[i] * channels);
}

// ---- trust ----------------------------------------------------------------------------------------------------------

void prepare(Variant& v) {
  if (v.path == Path::kDirect) {
    v.direct.emplace(v.part.shape, v.zero_point, v.weights);
    v.share.correction = v.direct->correction();
    return;
  }
  v.packed = Buffer(static_cast<std::int64_t>(v.conv.weights.get_size()));
  reorder(int8_weight_desc(v.part.shape.kind, v.part.shape.s), v.weights, v.conv.weights, v.packed.data());
}

// Data that saturate where anything can: whole channels of the largest weights of one sign, activations near 255.
bool computes_exactly(const Int8LayerShape& l, Path path, bool has_zero_point, const ConvPrimitive& conv) {
  constexpr std::int64_t kFewOutputs = 4096;
  Rng rng(2026);
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(rng.below(static_cast<std::uint32_t>(n)));
  };
  const std::int32_t zero_point = has_zero_point ? 117 : 0;
  Variant v{.part = {l, 0}, .zero_point = zero_point, .path = path, .conv = conv};
  std::vector<std::uint8_t> x(static_cast<std::size_t>(v.inputs()));
  for (std::uint8_t& q : x) q = static_cast<std::uint8_t>(below(4) == 0 ? below(256) : 255 - below(2));
  std::vector<std::int8_t> w(static_cast<std::size_t>(l.s.weight_count()));
  const std::int64_t channels = l.out_channels(), taps = l.s.kh * l.s.kw;
  for (std::int64_t c = 0; c < channels; ++c)
    for (std::int64_t k = 0; k < l.products() / taps; ++k)
      for (std::int64_t t = 0; t < taps; ++t)
        w[static_cast<std::size_t>(weight_position(l, k, c) + t)] =
            static_cast<std::int8_t>(c % 3 == 0   ? 127
                                     : c % 3 == 1 ? -128
                                                  : below(256) - 128);
  v.weights = w.data();
  prepare(v);
  std::vector<std::int32_t> acc(static_cast<std::size_t>(v.sums()));
  compute_sums(v, x.data(), acc.data());
  // Every pixel, each in another channel; all channels where that is little work.
  const std::int64_t pixels = l.s.n * l.out_rows() * l.out_columns();
  const std::int64_t step = pixels * channels <= kFewOutputs ? 1 : channels;
  for (std::int64_t i = 0; i < pixels; ++i)
    for (std::int64_t c = step == 1 ? 0 : i * 7 % channels; c < channels; c += step) {
      const std::int64_t row = i / l.out_columns();
      const OutputPosition at{row / l.out_rows(), row % l.out_rows(), i % l.out_columns(), c};
      const std::int32_t correction = v.share.correction.empty() ? 0 : v.share.correction[static_cast<std::size_t>(c)];
      if (acc[static_cast<std::size_t>(i * channels + c)] + correction !=
          int8_scalar_sum(l, x.data(), zero_point, w.data(), at))
        return false;
    }
  return true;
}

// The primitive for this path if there is one and it is right; an empty one where the path needs none. Answers are
// kept: models have many equal layers.
std::optional<ConvPrimitive> trusted_conv(const Int8LayerShape& l, Path path, bool has_zero_point) {
  struct Answer {
    Int8LayerShape shape;
    Path path;
    bool has_zero_point;
    std::optional<ConvPrimitive> conv;
  };
  static std::mutex mutex;
  static std::vector<Answer> answers;
  const std::lock_guard lock(mutex);
  for (const Answer& a : answers)
    if (a.path == path && a.has_zero_point == has_zero_point && a.shape == l) return a.conv;
  std::optional<ConvPrimitive> conv =
      path == Path::kDirect ? ConvPrimitive() : make_int8_conv(l.kind, l.s, has_zero_point, Int8Result::kInt32);
  if (conv && !computes_exactly(l, path, has_zero_point, *conv)) conv.reset();
  answers.push_back({l, path, has_zero_point, conv});
  return conv;
}

// The largest that a sum can get with these weights.
std::int64_t largest_sum(const Int8LayerShape& l, const std::int8_t* w) {
  constexpr std::int64_t kLargest = 255;  // also before a zero point is taken off
  const std::int64_t taps = l.s.kh * l.s.kw;
  std::int64_t largest = 0;
  for (std::int64_t c = 0; c < l.out_channels(); ++c) {
    std::int64_t sum = 0;
    for (std::int64_t k = 0; k < l.products() / taps; ++k)
      for (std::int64_t t = 0; t < taps; ++t) sum += std::abs(w[weight_position(l, k, c) + t]);
    largest = std::max(largest, sum * kLargest);
  }
  return largest;
}

// What a primitive without zero points leaves out is ours, and needs no trial.
void choose_path(Variant& v, std::int64_t largest) {
  const Int8LayerShape& l = v.part.shape;
  const bool has_zero_point = v.zero_point != 0;
  const auto attempt = [&](Path path, bool knows_zero_point) {
    std::optional<ConvPrimitive> conv = trusted_conv(l, path, knows_zero_point);
    if (!conv) return false;
    v.path = path;
    v.conv = std::move(*conv);
    prepare(v);
    if (!knows_zero_point && has_zero_point) v.share = share_of(l, v.zero_point, v.weights);
    return true;
  };
  if (Int8Direct::suits(l) && attempt(Path::kDirect, has_zero_point)) return;
  // oneDNN's best kernels do not know zero points for every shape; where they do, small images have much border.
  const auto is_best = [](const std::optional<ConvPrimitive>& conv) {
    return conv && conv->implementation.find("brg") != std::string::npos;
  };
  const bool plain_first =
      is_best(trusted_conv(l, Path::kOnes, false)) && !is_best(trusted_conv(l, Path::kOwnZeroPoint, true));
  if (has_zero_point && !plain_first && attempt(Path::kOwnZeroPoint, true)) return;
  if (attempt(Path::kOnes, false)) return;
  if (attempt(Path::kSplit, false)) return;
  constexpr std::int64_t kExact = std::int64_t{1} << 24;
  if (largest <= kExact) {
    v.path = Path::kFloat;
    v.float_weights.assign(v.weights, v.weights + l.s.weight_count());
  }
}

}  // namespace

// ---- the layer ------------------------------------------------------------------------------------------------------

struct Int8Layer::Program {
  std::int64_t channels;
  std::vector<std::int8_t> weights;
  std::vector<Int8Unit> units;
  std::vector<Variant> variants;
};

Int8Layer::Int8Layer(const Int8Sums& sums, std::span<const std::int8_t> weights, const Int8Epilogue& epilogue) {
  const Int8LayerShape l{sums.transposed ? ConvKind::kTransposed : ConvKind::kPlain, sums.shape};
  const std::int64_t largest = largest_sum(l, weights.data());
  require(largest < (std::int64_t{1} << 31), "int8 layer: sums of ", l.products(), " products can reach ", largest,
          ", which int32 does not hold");
  auto program = std::make_unique<Program>();
  program->channels = l.out_channels();
  program->weights.assign(weights.begin(), weights.end());
  Int8Cut cut = cut_int8_layer(l, num_threads(), Int8Direct::suits(l));
  program->units = std::move(cut.units);
  const SingleThread one;
  program->variants.reserve(cut.parts.size());  // arguments point into them
  for (const Int8Part& part : cut.parts) {
    program->variants.push_back({.part = part, .zero_point = sums.zero_point});
    Variant& v = program->variants.back();
    v.weights = program->weights.data() + part.first_channel * l.products();
    choose_path(v, largest);
    v.finisher.emplace(epilogue, ChannelRange{part.first_channel, part.shape.out_channels()}, l.out_channels(), largest,
                       v.share.correction);
    if (v.direct) v.start = v.finisher->leave_to_the_sums();
  }
  program_ = std::move(program);
}

Int8Layer::~Int8Layer() = default;
Int8Layer::Int8Layer(Int8Layer&&) noexcept = default;
Int8Layer& Int8Layer::operator=(Int8Layer&&) noexcept = default;

void Int8Layer::run(const std::uint8_t* x, const Int8Results& results) const {
  const Program& p = *program_;
  parallel_tasks(std::ssize(p.units), [&](std::int64_t i) {
    const SingleThread one;
    const Int8Unit& unit = p.units[static_cast<std::size_t>(i)];
    const Variant& v = p.variants[unit.part];
    if (v.path == Path::kDirect)
      return v.direct->run(x + unit.x, v.start.empty() ? nullptr : v.start.data(),
                           [&](const std::int32_t* acc, std::int64_t pixels, std::int64_t first) {
                             (*v.finisher)({acc, pixels, unit.position + first * p.channels}, results);
                           });
    const Buffer sums(v.sums() * static_cast<std::int64_t>(sizeof(std::int32_t)));
    auto* const acc = static_cast<std::int32_t*>(sums.data());
    compute_sums(v, x + unit.x, acc);
    (*v.finisher)({acc, v.sums() / v.part.shape.out_channels(), unit.position}, results);
  });
}

void Int8Layer::sums(const std::uint8_t* x, std::int32_t* acc) const {
  const Program& p = *program_;
  parallel_tasks(std::ssize(p.units), [&](std::int64_t i) {
    const SingleThread one;
    const Int8Unit& unit = p.units[static_cast<std::size_t>(i)];
    const Variant& v = p.variants[unit.part];
    const Buffer part(v.sums() * static_cast<std::int64_t>(sizeof(std::int32_t)));
    auto* const from = static_cast<std::int32_t*>(part.data());
    compute_sums(v, x + unit.x, from);
    const std::int64_t width = v.part.shape.out_channels();
    for (std::int64_t row = 0; row < v.sums() / width; ++row) {
      std::int32_t* const to = acc + unit.position + row * p.channels;
      std::copy_n(from + row * width, width, to);
      if (!v.share.correction.empty()) add_integers(width, v.share.correction.data(), to);
    }
  });
}

std::string Int8Layer::implementation() const {
  const Variant& v = program_->variants.front();
  switch (v.path) {
    case Path::kDirect:
      return "direct:avx512_vnni";
    case Path::kOwnZeroPoint:
    case Path::kOnes:
      return v.conv.implementation;
    case Path::kSplit:
      return "2 x " + v.conv.implementation;
    case Path::kFloat:
      return "float32";
    case Path::kLoop:
      break;
  }
  return "loop";
}

}  // namespace octet::kernels
