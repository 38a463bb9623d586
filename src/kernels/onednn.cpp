// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/onednn.h"

#include <omp.h>

#include <optional>

#include "octet/base/error.h"
#include "octet/kernels/info.h"

namespace octet::kernels {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;

constexpr auto kF32 = memory::data_type::f32;

struct ConvDescs {
  memory::desc src, weights, bias, dst;
  memory::dims stride, dilation, pad_begin, pad_end;
};

// The padding after the last row that makes oneDNN's size rule give exactly `out`.
std::int64_t end_padding(std::int64_t in, std::int64_t out, std::int64_t k, std::int64_t stride, std::int64_t dilation,
                         std::int64_t pad) {
  return (out - 1) * stride + dilation * (k - 1) + 1 - in - pad;
}

ConvDescs describe(const ConvShape& s, memory::format_tag activation, bool bias) {
  const memory::dims weight_dims = s.groups == 1 ? memory::dims{s.co, s.ci, s.kh, s.kw}
                                                 : memory::dims{s.groups, s.co / s.groups, s.ci / s.groups, s.kh, s.kw};
  return {memory::desc({s.n, s.ci, s.h, s.w}, kF32, activation),
          memory::desc(weight_dims, kF32, memory::format_tag::any),
          bias ? memory::desc({s.co}, kF32, memory::format_tag::x) : memory::desc(),
          memory::desc({s.n, s.co, s.oh, s.ow}, kF32, activation),
          {s.stride.h, s.stride.w},
          {s.dilation.h - 1, s.dilation.w - 1},
          {s.padding.h, s.padding.w},
          {end_padding(s.h, s.oh, s.kh, s.stride.h, s.dilation.h, s.padding.h),
           end_padding(s.w, s.ow, s.kw, s.stride.w, s.dilation.w, s.padding.w)}};
}

#if DNNL_VERSION_MAJOR >= 3
dnnl::convolution_forward::primitive_desc forward_desc(const ConvDescs& d, prop_kind kind,
                                                       const dnnl::primitive_attr& attr) {
  return {onednn_engine(), kind,      algorithm::convolution_direct,
          d.src,           d.weights, d.bias,
          d.dst,           d.stride,  d.dilation,
          d.pad_begin,     d.pad_end, attr};
}
dnnl::convolution_backward_data::primitive_desc backward_data_desc(const ConvDescs& d,
                                                                   const dnnl::primitive_attr& attr) {
  return {onednn_engine(),
          algorithm::convolution_direct,
          d.src,
          d.weights,
          d.dst,
          d.stride,
          d.dilation,
          d.pad_begin,
          d.pad_end,
          forward_desc(d, prop_kind::forward_training, {}),
          attr};
}
dnnl::convolution_backward_weights::primitive_desc backward_weights_desc(const ConvDescs& d,
                                                                         const dnnl::primitive_attr& attr) {
  return {onednn_engine(),
          algorithm::convolution_direct,
          d.src,
          d.weights,
          d.dst,
          d.stride,
          d.dilation,
          d.pad_begin,
          d.pad_end,
          forward_desc(d, prop_kind::forward_training, {}),
          attr};
}
#else
dnnl::convolution_forward::primitive_desc forward_desc(const ConvDescs& d, prop_kind kind,
                                                       const dnnl::primitive_attr& attr) {
  return {{kind, algorithm::convolution_direct, d.src, d.weights, d.bias, d.dst, d.stride, d.dilation, d.pad_begin,
           d.pad_end},
          attr,
          onednn_engine()};
}
dnnl::convolution_backward_data::primitive_desc backward_data_desc(const ConvDescs& d,
                                                                   const dnnl::primitive_attr& attr) {
  return {{algorithm::convolution_direct, d.src, d.weights, d.dst, d.stride, d.dilation, d.pad_begin, d.pad_end},
          attr,
          onednn_engine(),
          forward_desc(d, prop_kind::forward_training, {})};
}
dnnl::convolution_backward_weights::primitive_desc backward_weights_desc(const ConvDescs& d,
                                                                         const dnnl::primitive_attr& attr) {
  return {{algorithm::convolution_direct, d.src, d.weights, d.dst, d.stride, d.dilation, d.pad_begin, d.pad_end},
          attr,
          onednn_engine(),
          forward_desc(d, prop_kind::forward_training, {})};
}
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
    const auto desc = backward_data_desc(d, own_scratchpad());
    made = {dnnl::convolution_backward_data(desc),
            desc.diff_src_desc(),
            desc.weights_desc(),
            desc.diff_dst_desc(),
            desc.scratchpad_desc(),
            false,
            false,
            desc.impl_info_str()};
  } else {
    const auto desc = backward_weights_desc(d, own_scratchpad());
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

}  // namespace

const dnnl::engine& onednn_engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::stream& onednn_stream() {
  thread_local dnnl::stream stream(onednn_engine());
  return stream;
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

memory::desc nhwc_desc(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w) {
  return memory::desc({n, c, h, w}, kF32, memory::format_tag::nhwc);
}

memory::desc weight_desc(const ConvShape& s) {
  if (s.groups == 1) return memory::desc({s.co, s.ci, s.kh, s.kw}, kF32, memory::format_tag::oihw);
  return memory::desc({s.groups, s.co / s.groups, s.ci / s.groups, s.kh, s.kw}, kF32, memory::format_tag::goihw);
}

std::string onednn_version() {
  const dnnl_version_t* v = dnnl_version();
  return text(v->major, '.', v->minor, '.', v->patch);
}

std::string onednn_isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "SSE41";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2_VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX512_CORE";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX512_CORE_VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX512_CORE_BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AVX512_CORE_AMX";
    default:
      return text("newer (", static_cast<int>(dnnl::get_effective_cpu_isa()), ")");
  }
}

SingleThread::SingleThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }

SingleThread::~SingleThread() { omp_set_num_threads(before_); }

}  // namespace octet::kernels
