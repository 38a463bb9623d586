// SPDX-License-Identifier: Apache-2.0
// The recipe that batch_norm, add, relu and int8 layers leave: at most two terms and a clamp. Private to the room.
//
//   conv2d --> batch_norm --> add --> relu          each op notes a term or a clamp and computes nothing;
//                              ^                     the first reader of relu's result makes one pass of all:
//                   shortcut --+                     y = clamp( (x - mean) * scale + shift + shortcut )
//
// The tape entry of such a combination goes straight from its result to the inputs of its batch norms
// (epilogue_backward.h), so that masks, sums and gradients take two passes. A sum without a batch norm, which may be
// one of parameters, is computed at once; so is whatever reads a tensor that somebody may be writing to.
#pragma once

#include <memory>
#include <vector>

#include "octet/autograd/body.h"
#include "octet/kernels/epilogue/epilogue.h"

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
  Tensor x, gamma, beta;                    ///< the op's inputs, for the tape; gamma and beta may be undefined
  std::shared_ptr<const IntegerSums> sums;  ///< what x would be computed from, or null
  Snapshot data;                            ///< of the sums or of x: what mean, scale and shift apply to
  kernels::Buffer values;  ///< five runs of `channels` floats: mean, 1/sqrt(var + eps), scale, shift, gamma/sqrt
  std::int64_t channels = 0;
  bool training = false;  ///< statistics depend on x, and so does the gradient

  /// x = data * factor [+ bias].
  float factor(std::int64_t c) const { return sums ? sums->factor()[c] : 1.0F; }

  float* run(std::int64_t i) const { return values.floats() + i * channels; }
  float* mean() const { return run(0); }
  float* inverse_std() const { return run(1); }
  float* scale() const { return run(2); }
  float* shift() const { return run(3); }
  float* gamma_over_std() const { return run(4); }
};

/// clamp( term 0 [+ term 1] ), see kernels/epilogue/epilogue.h.
struct Epilogue {
  /// One of: a batch norm, the sums of an int8 layer, or x itself.
  struct Term {
    Tensor x{};
    std::shared_ptr<const BatchNormState> norm{};
    std::shared_ptr<const IntegerSums> sums{};
    Snapshot values{};                         ///< of x, or null where it is quantized and its floats do not exist
    std::shared_ptr<const Recipe> integers{};  ///< of x, where `values` is null

    bool is_plain() const { return !norm && !sums; }
    kernels::EpilogueTerm kernel_term() const;
  };
  std::vector<Term> terms;
  kernels::Clamp clamp{};

  /// Some term has values per channel, so that the last dimension matters.
  bool per_channel() const;
  /// For the kernels: an absent term is empty.
  kernels::EpilogueTerm kernel_term(std::size_t i) const;
};

/// x as it is now, computed if it was not: a recipe that keeps its integers without floats is read as it is.
Epilogue::Term plain_term(const Tensor& x);

/// A tensor that `epilogue` will fill, in the name of `op`.
Tensor make_epilogue(const char* op, const Shape& shape, Layout layout, Epilogue epilogue);
/// What `epilogue` notes, for `rows` from row `begin` on, as TensorBody::rows() counts them.
void compute(const Epilogue& epilogue, std::int64_t begin, const kernels::Rows& rows, float* values);

/// The result of the int8 layer `op`: what batch_norm() reads as it is, and every other reader as floats.
Tensor make_integer_sums(const char* op, const Shape& shape, Layout layout, IntegerSums sums);
/// The sums behind t, or null.
std::shared_ptr<const IntegerSums> integer_sums_of(const Tensor& t);

/// a + b, computed by its first reader: of gradients, which nobody writes to. Shapes and layouts are equal.
Tensor lazy_sum(const Tensor& a, const Tensor& b);
/// The epilogue that t's values will be computed from, else null; always null while a trace is taken.
const Epilogue* epilogue_of(const Tensor& t);

}  // namespace octet::detail
