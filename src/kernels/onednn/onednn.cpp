// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/onednn/onednn.h"

#include <omp.h>

#include <algorithm>
#include <charconv>
#include <list>
#include <numeric>
#include <string_view>

#include "octet/base/error.h"
#include "octet/kernels/onednn/info.h"

namespace octet::kernels {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;

constexpr auto kF32 = memory::data_type::f32;

struct ConvDescs {
  ConvShape shape;
  memory::desc src, weights, bias, dst;
  memory::dims stride, dilation, pad_begin, pad_end;
};

// The padding after the last row that makes oneDNN's size rule give exactly `out`.
std::int64_t end_padding(std::int64_t in, std::int64_t out, std::int64_t k, std::int64_t stride, std::int64_t dilation,
                         std::int64_t pad) {
  return (out - 1) * stride + dilation * (k - 1) + 1 - in - pad;
}

memory::dims weight_dims(const ConvShape& s) {
  if (s.groups == 1) return {s.co, s.ci, s.kh, s.kw};
  return {s.groups, s.co / s.groups, s.ci / s.groups, s.kh, s.kw};
}

// Output channels first, as oneDNN wants the weights of a transposed convolution.
memory::dims transposed_weight_dims(const ConvShape& s) {
  if (s.groups == 1) return {s.ci, s.co, s.kh, s.kw};
  return {s.groups, s.ci / s.groups, s.co / s.groups, s.kh, s.kw};
}

ConvDescs describe(const ConvShape& s, memory::format_tag activation, bool bias) {
  return {s,
          memory::desc({s.n, s.ci, s.h, s.w}, kF32, activation),
          memory::desc(weight_dims(s), kF32, memory::format_tag::any),
          bias ? memory::desc({s.co}, kF32, memory::format_tag::x) : memory::desc(),
          memory::desc({s.n, s.co, s.oh, s.ow}, kF32, activation),
          {s.stride.h, s.stride.w},
          {s.dilation.h - 1, s.dilation.w - 1},
          {s.padding.h, s.padding.w},
          {end_padding(s.h, s.oh, s.kh, s.stride.h, s.dilation.h, s.padding.h),
           end_padding(s.w, s.ow, s.kw, s.stride.w, s.dilation.w, s.padding.w)}};
}

using ForwardDesc = dnnl::convolution_forward::primitive_desc;
using BackwardDataDesc = dnnl::convolution_backward_data::primitive_desc;
using BackwardWeightsDesc = dnnl::convolution_backward_weights::primitive_desc;

// Kernels with known mistakes:
//   - forward, 3.7: BRGEMM is wrong for a single output column that has a stride (seen with one input channel);
//   - weight gradient, 2.6 and 3.7: where 1x1 kernels gather the pixels between strides, and these have fewer channels
//     than a vector has lanes, they write behind the scratchpad that they asked for.
bool is_sound(const ForwardDesc& desc, const ConvShape& s) {
  return s.ow > 1 || s.stride.w == 1 || !std::string_view(desc.impl_info_str()).starts_with("brg");
}
bool is_sound(const BackwardDataDesc&, const ConvShape&) { return true; }
bool is_sound(const BackwardWeightsDesc& desc, const ConvShape& s) {
  constexpr std::int64_t kLanes = 16;
  const bool gathers = s.kh == 1 && s.kw == 1 && (s.stride.h > 1 || s.stride.w > 1);
  return !gathers || s.ci / s.groups >= kLanes || !std::string_view(desc.impl_info_str()).starts_with("jit_1x1");
}

// `desc` at the first kernel that is sound. oneDNN 2 looks again at what `desc` was made of.
template <typename Desc>
Desc sound(Desc desc, const ConvShape& s) {
  while (!is_sound(desc, s) && desc.next_impl()) continue;
  return desc;
}

#if DNNL_VERSION_MAJOR >= 3
ForwardDesc forward_desc(const ConvDescs& d, prop_kind kind, const dnnl::primitive_attr& attr) {
  return sound<ForwardDesc>({onednn_engine(), kind, algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst,
                             d.stride, d.dilation, d.pad_begin, d.pad_end, attr},
                            d.shape);
}
// Of BackwardDataDesc or BackwardWeightsDesc.
template <typename Desc>
Desc backward_desc(const ConvDescs& d, const dnnl::primitive_attr& attr) {
  return sound<Desc>({onednn_engine(), algorithm::convolution_direct, d.src, d.weights, d.dst, d.stride, d.dilation,
                      d.pad_begin, d.pad_end, forward_desc(d, prop_kind::forward_training, {}), attr},
                     d.shape);
}
#else
ForwardDesc forward_desc(const ConvDescs& d, prop_kind kind, const dnnl::primitive_attr& attr) {
  return sound<ForwardDesc>({{kind, algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst, d.stride,
                              d.dilation, d.pad_begin, d.pad_end},
                             attr,
                             onednn_engine()},
                            d.shape);
}
// Of BackwardDataDesc or BackwardWeightsDesc.
template <typename Desc>
Desc backward_desc(const ConvDescs& d, const dnnl::primitive_attr& attr) {
  return sound<Desc>(
      {{algorithm::convolution_direct, d.src, d.weights, d.dst, d.stride, d.dilation, d.pad_begin, d.pad_end},
       attr,
       onednn_engine(),
       forward_desc(d, prop_kind::forward_training, {})},
      d.shape);
}
#endif

#if DNNL_VERSION_MAJOR >= 3
dnnl::deconvolution_forward::primitive_desc transposed_desc(const ConvDescs& d, const dnnl::primitive_attr& attr) {
  return {onednn_engine(),
          prop_kind::forward_inference,
          algorithm::deconvolution_direct,
          d.src,
          d.weights,
          d.bias,
          d.dst,
          d.stride,
          d.dilation,
          d.pad_begin,
          d.pad_end,
          attr};
}
void add_zero_point(dnnl::primitive_attr& attr) { attr.set_zero_points_mask(DNNL_ARG_SRC, 0); }
#else
dnnl::deconvolution_forward::primitive_desc transposed_desc(const ConvDescs& d, const dnnl::primitive_attr& attr) {
  return {{prop_kind::forward_inference, algorithm::deconvolution_direct, d.src, d.weights, d.bias, d.dst, d.stride,
           d.dilation, d.pad_begin, d.pad_end},
          attr,
          onednn_engine()};
}
void add_zero_point(dnnl::primitive_attr& attr) { attr.set_zero_points(DNNL_ARG_SRC, 0, {DNNL_RUNTIME_S32_VAL}); }
#endif

dnnl::primitive_attr own_scratchpad() {
  dnnl::primitive_attr attr;  // the library's own scratchpad belongs to one thread; slices run on many
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

ConvPrimitive try_make(ConvDirection direction, const ConvShape& s, memory::format_tag activation, bool bias) {
  const ConvDescs d = describe(s, activation, bias);
  ConvPrimitive made;
  if (direction == ConvDirection::kForward) {
    const auto desc = forward_desc(d, prop_kind::forward_inference, own_scratchpad());
    made = {dnnl::convolution_forward(desc),
            desc.src_desc(),
            desc.weights_desc(),
            desc.dst_desc(),
            desc.scratchpad_desc(),
            false,
            false,
            desc.impl_info_str()};
  } else if (direction == ConvDirection::kBackwardData) {
    const auto desc = backward_desc<BackwardDataDesc>(d, own_scratchpad());
    made = {dnnl::convolution_backward_data(desc),
            desc.diff_src_desc(),
            desc.weights_desc(),
            desc.diff_dst_desc(),
            desc.scratchpad_desc(),
            false,
            false,
            desc.impl_info_str()};
  } else {
    const auto desc = backward_desc<BackwardWeightsDesc>(d, own_scratchpad());
    made = {dnnl::convolution_backward_weights(desc),
            desc.src_desc(),
            desc.diff_weights_desc(),
            desc.diff_dst_desc(),
            desc.scratchpad_desc(),
            false,
            false,
            desc.impl_info_str()};
  }
  made.src_is_nhwc = made.src == nhwc_desc(s.n, s.ci, s.h, s.w);
  made.dst_is_nhwc = made.dst == nhwc_desc(s.n, s.co, s.oh, s.ow);
  return made;
}

bool is_reference(const ConvPrimitive& p) { return p.implementation.find("ref") != std::string::npos; }

ConvDescs describe_int8(ConvKind kind, const ConvShape& s, Int8Result result) {
  ConvDescs d = describe(s, memory::format_tag::nhwc, false);
  const auto sums = result == Int8Result::kFloat32 ? memory::data_type::f32 : memory::data_type::s32;
  const memory::dims x{s.n, s.ci, s.h, s.w}, y{s.n, s.co, s.oh, s.ow};
  const bool plain = kind == ConvKind::kPlain;
  d.src = memory::desc(plain ? x : y, memory::data_type::u8, memory::format_tag::nhwc);
  d.dst = memory::desc(plain ? y : x, sums, memory::format_tag::nhwc);
  d.weights =
      memory::desc(plain ? weight_dims(s) : transposed_weight_dims(s), memory::data_type::s8, memory::format_tag::any);
  return d;
}

// Whether some positions of a transposed convolution lie in the window of no input: those of a remainder by the stride
// that no tap has.
bool leaves_gaps(std::int64_t k, std::int64_t stride, std::int64_t dilation) {
  return std::gcd(stride, dilation) > 1 || k < stride;
}

// oneDNN's own kernels for transposed convolutions (2.6) read up to a kilobyte behind the weights for outputs that lie
// in no window, and where they take a zero point off the border.
bool reads_behind_weights(const ConvPrimitive& transposed, const ConvShape& s, bool zero_point) {
  const bool has_gaps = leaves_gaps(s.kh, s.stride.h, s.dilation.h) || leaves_gaps(s.kw, s.stride.w, s.dilation.w);
  return (has_gaps || zero_point) && !transposed.implementation.starts_with("brg");
}

template <typename Primitive, typename Desc>
ConvPrimitive int8_primitive(const Desc& desc) {
  return {
      Primitive(desc),     desc.src_desc(), desc.weights_desc(), desc.dst_desc(), desc.scratchpad_desc(), true, true,
      desc.impl_info_str()};
}

}  // namespace

const dnnl::engine& onednn_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& onednn_stream() {
  thread_local dnnl::stream stream(onednn_engine());
  return stream;
}

std::size_t hash(const ConvShape& s) {
  std::size_t hash = 0;
  for (const std::int64_t value : {s.n, s.ci, s.h, s.w, s.co, s.kh, s.kw, s.oh, s.ow, s.stride.h, s.stride.w,
                                   s.padding.h, s.padding.w, s.dilation.h, s.dilation.w, s.groups})
    hash = hash * 1000003 + static_cast<std::size_t>(value);
  return hash;
}

ConvPrimitive make_conv(ConvDirection direction, const ConvShape& s, bool bias) {
  // oneDNN falls back to a reference loop, up to 3000 times slower, without a word. Where channels-last has nothing
  // better, its favourite format and a reorder are.
  try {
    ConvPrimitive channels_last = try_make(direction, s, memory::format_tag::nhwc, bias);
    if (!is_reference(channels_last)) return channels_last;
    ConvPrimitive any = try_make(direction, s, memory::format_tag::any, bias);
    return is_reference(any) ? channels_last : any;
  } catch (const dnnl::error& e) {
    fail("convolution: oneDNN cannot compute x [", s.n, ", ", s.ci, ", ", s.h, ", ", s.w, "] with kernel ", s.kh, "x",
         s.kw, ", ", s.co, " output channels, groups ", s.groups, ": ", e.what());
  }
}

std::optional<ConvPrimitive> make_int8_conv(ConvKind kind, const ConvShape& s, bool zero_point, Int8Result result) {
  const ConvDescs d = describe_int8(kind, s, result);
  dnnl::primitive_attr attr = own_scratchpad();
  if (zero_point) add_zero_point(attr);
  try {
    ConvPrimitive made =
        kind == ConvKind::kPlain
            ? int8_primitive<dnnl::convolution_forward>(forward_desc(d, prop_kind::forward_inference, attr))
            : int8_primitive<dnnl::deconvolution_forward>(transposed_desc(d, attr));
    if (!is_reference(made) && !(kind == ConvKind::kTransposed && reads_behind_weights(made, s, zero_point)))
      return made;
  } catch (const dnnl::error&) {  // an option that it does not know in int8
  }
  return {};
}

memory wrap(const memory::desc& desc, const void* data) {
  return memory(desc, onednn_engine(), const_cast<void*>(data));
}

void reorder(const memory::desc& from_desc, const void* from, const memory::desc& to_desc, void* to) {
  struct Cached {
    memory::desc from, to;
    dnnl::reorder primitive;
  };
  constexpr std::size_t kKept = 256;
  thread_local std::list<Cached> cache;  // the latest first
  memory source = wrap(from_desc, from), target = wrap(to_desc, to);
  const auto found =
      std::ranges::find_if(cache, [&](const Cached& c) { return c.from == from_desc && c.to == to_desc; });
  if (found != cache.end())
    cache.splice(cache.begin(), cache, found);
  else
    cache.push_front({from_desc, to_desc, dnnl::reorder(source, target)});
  if (cache.size() > kKept) cache.pop_back();
  cache.front().primitive.execute(onednn_stream(), source, target);
  onednn_stream().wait();
}

memory::desc nhwc_desc(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return memory::desc({n, c, h, w}, kF32, memory::format_tag::nhwc);
}

memory::desc weight_desc(const ConvShape& s) {
  return memory::desc(weight_dims(s), kF32, s.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw);
}

memory::desc int8_weight_desc(ConvKind kind, const ConvShape& s) {
  using Tag = memory::format_tag;
  if (kind == ConvKind::kPlain)
    return memory::desc(weight_dims(s), memory::data_type::s8, s.groups == 1 ? Tag::oihw : Tag::goihw);
  return memory::desc(transposed_weight_dims(s), memory::data_type::s8, s.groups == 1 ? Tag::iohw : Tag::giohw);
}

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return text(v->major, '.', v->minor, '.', v->patch);
}

std::string isa_name(std::string_view architecture, unsigned number) {
  if (architecture == "x86-64") {
    using dnnl::cpu_isa;
    constexpr std::pair<cpu_isa, const char*> kNames[] = {{cpu_isa::sse41, "SSE41"},
                                                          {cpu_isa::avx, "AVX"},
                                                          {cpu_isa::avx2, "AVX2"},
                                                          {cpu_isa::avx2_vnni, "AVX2_VNNI"},
                                                          {cpu_isa::avx512_core, "AVX512_CORE"},
                                                          {cpu_isa::avx512_core_vnni, "AVX512_CORE_VNNI"},
                                                          {cpu_isa::avx512_core_bf16, "AVX512_CORE_BF16"},
                                                          {cpu_isa::avx512_core_amx, "AVX512_CORE_AMX"}};
    for (const auto& [isa, name] : kNames)
      if (static_cast<unsigned>(isa) == number) return name;
  }
  char digits[16];
  const char* const end = std::to_chars(digits, digits + sizeof digits, number, 16).ptr;
  return text(architecture, " isa 0x", std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

std::string onednn_isa() {
#if defined(__x86_64__)
  constexpr std::string_view kArchitecture = "x86-64";
#elif defined(__aarch64__)
  constexpr std::string_view kArchitecture = "aarch64";
#else
  constexpr std::string_view kArchitecture = "other";
#endif
  return isa_name(kArchitecture, static_cast<unsigned>(dnnl::get_effective_cpu_isa()));
}

bool onednn_uses_vnni() {
#if !defined(__x86_64__)
  return false;  // the bits mean something else
#endif
  // An instruction set has the bits of those that it contains.
  constexpr auto kVnni = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_vnni);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & kVnni) == kVnni;
}

SingleThread::SingleThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }

SingleThread::~SingleThread() { omp_set_num_threads(before_); }

}  // namespace octet::kernels
