// SPDX-License-Identifier: Apache-2.0
// What can fill a tensor whose values have not been computed, or are kept in another form. Private to the room.
//
// An op that need not compute at once leaves a recipe in place of values: batch_norm, add and relu (epilogue.h), an
// int8 layer (epilogue.h), a quantizer and a quantized weight (integers.cpp), the gradient of a convolution's input
// (conv_gradient.h). The first reader of the values has them filled in; a reader that can do with less asks the recipe.
// A recipe holds what its inputs were when the op was called (Snapshot), not what they will be. Recipes do not nest:
// what one reads is computed when it is made, so that neither the stack nor what they keep alive grows with their
// number. Nothing stays open while a trace is taken.
#pragma once

#include <memory>
#include <string>

#include "octet/base/error.h"
#include "octet/kernels/core/memory.h"

namespace octet {

struct ActivationIntegers;
struct WeightIntegers;

namespace detail {

struct Epilogue;
struct TensorBody;

class Recipe {
 public:
  /// `op` must live as long as the program; it and where it was called are named in errors, whoever reads first.
  explicit Recipe(const char* op) : op_(op), where_(ContextScope::path()) {}
  virtual ~Recipe() = default;
  Recipe(const Recipe&) = delete;
  Recipe& operator=(const Recipe&) = delete;

  const char* op() const { return op_; }
  /// The path of modules in which the op was called.
  const std::string& where() const { return where_; }

  /// Writes all values of `body`.
  virtual void fill(const TensorBody& body, float* values) const = 0;
  /// Whether it tells more than the values do, so that it is kept beside them: integers are.
  virtual bool outlives_values() const { return false; }

  /// Can it be a part of a reader's own epilogue? Null: no.
  virtual const Epilogue* as_epilogue() const { return nullptr; }
  /// Can it give integers? Null: no.
  virtual const ActivationIntegers* activation_integers() const { return nullptr; }
  virtual const WeightIntegers* weight_integers() const { return nullptr; }

 private:
  const char* op_;
  std::string where_;
};

/// Values as they are now: a writer to the tensor leaves them to the snapshot, and goes on with a copy.
using Snapshot = std::shared_ptr<const kernels::Buffer>;

}  // namespace detail
}  // namespace octet
