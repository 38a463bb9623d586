// SPDX-License-Identifier: Apache-2.0
// 2-D convolution in float32 and its two gradients.
//
// Activations are channels-last, weights row-major [Cout, Cin/groups, Kh, Kw]. The batch is cut into slices (and a
// batch of one, going forward, into some rows each) chosen from the shape alone; each is one single-threaded oneDNN
// primitive, they run in parallel, and what they sum (weight gradients) is added in their order. So no result depends
// on the number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "octet/kernels/core/conv_shape.h"
#include "octet/kernels/quantize/quantize.h"

namespace octet::kernels {

/// Sets to zero the elements of x [n, ci, h, w], floats or int32, that lie in no window (stride beyond the kernel, rows
/// after the last window): the data gradient there, which oneDNN leaves as it was, or as rubbish.
void clear_gaps(const ConvShape& s, void* x);

/// y = conv(x, w) + bias; bias may be null.
void conv_forward(const ConvShape& s, const float* x, const float* w, const float* bias, float* y);
/// dx = the gradient of conv_forward with respect to x.
void conv_backward_data(const ConvShape& s, const float* w, const float* dy, float* dx);
/// dw = the gradient of conv_forward with respect to w.
void conv_backward_weights(const ConvShape& s, const float* x, const float* dy, float* dw);
/// The same from quantized x, made floats slice by slice.
struct QuantizedInput {
  const std::uint8_t* q;
  Int8Scale scale;
};
void conv_backward_weights(const ConvShape& s, const QuantizedInput& x, const float* dy, float* dw);

/// Weights that convolutions of several sizes share, each format of them packed once. Many threads may use it at once.
class ConvWeights {
 public:
  /// `values` row-major.
  explicit ConvWeights(std::shared_ptr<const std::vector<float>> values);
  ~ConvWeights();

  const std::vector<float>& values() const { return *values_; }
  /// Private to the room.
  struct Packed;
  Packed& packed() const { return *packed_; }

 private:
  std::shared_ptr<const std::vector<float>> values_;
  std::unique_ptr<Packed> packed_;
};

enum class ConvPass { kForward, kBackwardData };

/// conv_forward or conv_backward_data with weights that stay as they are and are packed once. It may be run by many
/// threads at once.
class PackedConv {
 public:
  /// `w` must outlive this: it may be what the kernel wants as it is. `has_bias`: run() will be given one.
  PackedConv(ConvPass pass, const ConvShape& s, const float* w, bool has_bias);
  PackedConv(ConvPass pass, const ConvShape& s, std::shared_ptr<const ConvWeights> weights, bool has_bias);
  ~PackedConv();

  /// Forward from x to y = conv(x, w) + bias; backward from dy to dx, where bias is null.
  void run(const float* from, const float* bias, float* to) const;

 private:
  struct Program;
  void make(ConvPass pass, const ConvShape& s, const float* w, bool has_bias, const ConvWeights* shared);

  std::unique_ptr<const Program> program_;
  std::shared_ptr<const ConvWeights> shared_;
};

/// How the weight gradient's sum over the batch is cut: by shape (default), or by oneDNN itself as it likes best for
/// the number of threads. The second exists to measure what the first costs; its bits depend on the thread count.
enum class BatchSum { kFixedOrder, kThreadDependent };
void set_batch_sum(BatchSum how);

}  // namespace octet::kernels
