// SPDX-License-Identifier: Apache-2.0
// oneDNN for the rest of this room: engine, stream, and convolution primitives. Private to the room.
// onednn.cpp is the one file that knows how 2.x and 3.x differ; it also answers info.h.
#pragma once

#include <cstddef>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "octet/kernels/core/conv_shape.h"

namespace octet::kernels {

const dnnl::engine& onednn_engine();
/// This thread's stream.
dnnl::stream& onednn_stream();
/// Whether oneDNN multiplies int8 with AVX-512 VNNI on this machine; ONEDNN_MAX_CPU_ISA can forbid it.
bool onednn_uses_vnni();
/// The name of oneDNN's number for an instruction set, which means another one on each architecture: "AVX2", and where
/// this table has none, "aarch64 isa 0x1f".
std::string isa_name(std::string_view architecture, unsigned number);

enum class ConvDirection { kForward, kBackwardData, kBackwardWeights };

/// A convolution primitive and the formats it wants. In kBackwardData src and dst are their gradients, in
/// kBackwardWeights weights and dst are.
struct ConvPrimitive {
  dnnl::primitive primitive;
  dnnl::memory::desc src, weights, dst, scratchpad;
  bool src_is_nhwc = false,
       dst_is_nhwc = false;    ///< else the data must be reordered (only where nhwc has no fast kernel)
  std::string implementation;  ///< oneDNN's name of the kernel
};

/// For tables of what was made for a shape.
std::size_t hash(const ConvShape& s);

/// Creates the primitive for `s`, made for the current number of OpenMP threads. Throws Error if oneDNN cannot.
ConvPrimitive make_conv(ConvDirection direction, const ConvShape& s, bool bias);

/// u8 activations times s8 weights, summed in int32. kFloat32: the sums as floats; kInt32: the sums.
enum class Int8Result { kFloat32, kInt32 };
/// `s` cut to one slice. With `zero_point`, the primitive takes one at run time for x (DNNL_ARG_SRC) and subtracts it.
/// kTransposed: the transposed convolution whose data gradient `s` is, from [n, co, oh, ow] to [n, ci, h, w].
enum class ConvKind { kPlain, kTransposed };
/// Nothing if oneDNN has no kernel for it but its reference loop. Channels-last on both sides.
std::optional<ConvPrimitive> make_int8_conv(ConvKind kind, const ConvShape& s, bool zero_point, Int8Result result);

dnnl::memory wrap(const dnnl::memory::desc& desc, const void* data);
/// Copies between formats. Element by element, so oneDNN's own threading cannot change a bit.
void reorder(const dnnl::memory::desc& from_desc, const void* from, const dnnl::memory::desc& to_desc, void* to);

dnnl::memory::desc nhwc_desc(std::int64_t n, std::int64_t c, std::int64_t h, std::int64_t w);
/// The row-major weights of `s`: oihw, or goihw with groups.
dnnl::memory::desc weight_desc(const ConvShape& s);
/// The same in int8; kTransposed: as the transposed convolution sees them, output channels first.
dnnl::memory::desc int8_weight_desc(ConvKind kind, const ConvShape& s);

/// While it lives, OpenMP regions that this thread starts have one thread: oneDNN then neither creates nor runs a
/// primitive whose order of summation depends on the thread count.
class SingleThread {
 public:
  SingleThread();
  ~SingleThread();
  SingleThread(const SingleThread&) = delete;
  SingleThread& operator=(const SingleThread&) = delete;

 private:
  int before_;
};

}  // namespace octet::kernels
