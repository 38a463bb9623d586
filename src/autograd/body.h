// SPDX-License-Identifier: Apache-2.0
// What is behind a Tensor handle. Private to the room.
//
// A tensor's values may be *pending*: batch_norm, add and relu note what they would compute (a Pending) instead of
// computing it, and the first reader does all of it in one pass. relu(batch_norm(x) + z) thus reads x and z once and
// writes once, and its backward masks, sums and applies in two. This is the whole of it: at most two terms and a ReLU,
// no graph, no compiler. Nothing stays pending while a trace is taken. What a pending tensor reads are activations and
// gradients, which nobody writes to once they are made; a sum without a batch norm, which may be one of parameters, is
// computed at once.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "octet/autograd/integers.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/tensor.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/epilogue/epilogue.h"
#include "octet/kernels/float/conv.h"

namespace octet::detail {

/// What an int8 layer leaves: sums of integers, and how they become floats, (sum - start[c]) * factor[c] + bias[c].
/// start is the negated integer bias.
struct IntegerSums {
  Tensor sums;
  kernels::Buffer values;  ///< three runs of `channels` floats: start, factor, bias
  std::int64_t channels = 0;

  const float* start() const { return values.floats(); }
  const float* factor() const { return values.floats() + channels; }
  const float* bias() const { return values.floats() + 2 * channels; }
};

/// One batch normalisation, once its statistics are known: what the forward and the backward pass need of it. With the
/// batch's statistics it reads the sums of integers of an int8 layer in front of it: their factor is part of mean and
/// scale, and the floats are never written.
struct BatchNormState {
  Tensor x, gamma, beta;                    ///< the op's inputs; gamma and beta may be undefined
  std::shared_ptr<const IntegerSums> sums;  ///< what x would be computed from, or null
  kernels::Buffer values;                   ///< four runs of `channels` floats: mean, 1/sqrt(var + eps), scale, shift
  std::int64_t channels = 0;
  bool training = false;  ///< statistics depend on x, and so does the gradient

  /// What mean, scale and shift apply to.
  const float* data() const { return (sums ? sums->sums : x).values().data(); }
  /// x = data * factor [+ bias].
  float factor(std::int64_t c) const { return sums ? sums->factor()[c] : 1.0F; }

  const float* mean() const { return values.floats(); }
  const float* inverse_std() const { return values.floats() + channels; }
  const float* scale() const { return values.floats() + 2 * channels; }
  const float* shift() const { return values.floats() + 3 * channels; }
};

/// relu?( term 0 [+ term 1] ), see kernels/epilogue/epilogue.h.
struct Pending {
  struct Term {
    Tensor x;
    std::shared_ptr<const BatchNormState> norm;  ///< null: the term is x itself
    std::shared_ptr<const IntegerSums> sums{};   ///< if set, x is undefined and the only term is this
    kernels::EpilogueTerm values() const;
  };
  std::vector<Term> terms;
  bool relu = false;

  /// Some term has values per channel, so that the last dimension matters.
  bool per_channel() const;
};

/// The gradient of a convolution's input, not computed yet: a quantizer in front of the first layer, whose input needs
/// no gradient, wants only its product with something, for which there is a cheaper way than this gradient.
struct ConvGradient {
  kernels::ConvShape shape;
  Tensor w, dy;

  /// The sum over its product with m, as large as the input: <m, conv'(dy)> = <conv(m), dy>.
  double product(const float* m) const;
  /// The same for whole numbers from 0 to 255: in int8, if w has integers.
  double product(const std::uint8_t* m) const;
};

/// Values, shared by a tensor and its detached handles.
struct Storage {
  kernels::Buffer buffer;
  std::unique_ptr<const Pending> pending;                ///< if set, `buffer` is empty until the first reader
  std::unique_ptr<const ActivationIntegers> activation;  ///< if set, `buffer` may be empty until somebody wants floats
  std::unique_ptr<const WeightIntegers> weight;          ///< likewise
  std::unique_ptr<const ConvGradient> gradient;          ///< likewise
};

/// One entry of the tape.
struct TapeNode {
  std::uint64_t sequence;  ///< order of recording: every reader of a tensor comes after its producer
  const char* op;
  std::vector<std::shared_ptr<TensorBody>> inputs;  ///< null where absent or without need of a gradient
  Backward backward;                                ///< empty once it has run
};

struct TensorBody {
  Shape shape;
  Layout layout = Layout::kRowMajor;
  std::shared_ptr<Storage> storage;
  bool requires_grad = false;
  Tensor grad;
  std::shared_ptr<TapeNode> node;

  TensorBody() = default;
  ~TensorBody();
  TensorBody(const TensorBody&) = delete;
  TensorBody& operator=(const TensorBody&) = delete;

  std::int64_t size() const { return element_count(shape); }
  /// Rows and channels as batch norm and the fused loops see them.
  kernels::Rows rows() const;
  /// The values, computed now if they were pending.
  float* values() const;
};

/// A tensor whose values are `pending`. Terms that are pending themselves are computed now: recipes do not nest, so
/// that neither the stack nor what they keep alive grows with their number.
Tensor make_pending(const Shape& shape, Layout layout, Pending pending);
/// What `pending` notes, for `rows` from row `begin` on, as TensorBody::rows() counts them.
void compute(const Pending& pending, std::int64_t begin, const kernels::Rows& rows, float* values);
/// A tensor whose values are the gradient, once somebody wants them.
Tensor make_conv_gradient(const Tensor& x, ConvGradient gradient);
/// A tensor whose values are integers until somebody wants floats.
Tensor make_quantized(const Shape& shape, Layout layout, ActivationIntegers integers);
/// The result of an int8 layer: what batch_norm() reads as it is, and every other reader as floats.
Tensor make_integer_sums(const Shape& shape, Layout layout, IntegerSums sums);
/// The sums behind t, or null.
std::shared_ptr<const IntegerSums> integer_sums_of(const Tensor& t);
/// a + b, computed by its first reader. Shapes and layouts are equal.
Tensor pending_sum(const Tensor& a, const Tensor& b);
/// The recipe of t's values if they have not been computed yet, else null; always null while a trace is taken.
const Pending* pending_of(const Tensor& t);

/// Throws Error, in the name of `op`, unless `gradient` can be the gradient of `body`: defined, of its shape and
/// layout.
void check_gradient_fits(const char* op, const Tensor& gradient, const TensorBody& body);

}  // namespace octet::detail
