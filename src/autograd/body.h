// SPDX-License-Identifier: Apache-2.0
// What is behind a Tensor handle: shape, values or the recipe for them, gradient, tape entry. Private to the room.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "octet/autograd/recipe.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/tensor.h"
#include "octet/kernels/core/memory.h"
#include "octet/kernels/float/channel_sums.h"

namespace octet::detail {

/// Values, shared by a tensor, its detached handles and its other shapes.
struct Storage {
  std::shared_ptr<kernels::Buffer> buffer;  ///< null until the recipe has filled it
  std::shared_ptr<const Recipe> recipe;     ///< null where the values are all there is
  /// buffer's values, once they are there: threads that share a tensor (the integer weight of a layer in evaluation)
  /// meet here, the first of them fills it under the lock.
  std::atomic<float*> values{nullptr};
  std::mutex filling;
  std::uint64_t version = 0;  ///< how often somebody asked to write to it
  /// Somebody outside the ops may hold a pointer for writing: what is to read these values reads them at once.
  bool exposed = false;

  void set(std::shared_ptr<kernels::Buffer> made) {
    buffer = std::move(made);
    values.store(buffer->floats(), std::memory_order_release);
  }
  bool has_values() const { return values.load(std::memory_order_acquire) || !recipe; }
};

/// One entry of the tape.
struct TapeNode {
  std::uint64_t sequence;  ///< order of recording: every reader of a tensor comes after its producer
  const char* op;
  std::vector<std::shared_ptr<TensorBody>> inputs;  ///< null where absent or without need of a gradient
  Backward backward;                                ///< empty once it has run
};

/// What quantizers made of a tensor, see quantized_twin.h.
struct Twins {
  struct Twin {
    std::uint64_t quantizer, claim, version;
    int history;
    std::weak_ptr<TensorBody> quantized;
    std::vector<const void*> readers;
  };
  std::mutex lock;
  std::uint64_t claims = 0;
  std::vector<Twin> all;
};

struct TensorBody {
  Shape shape;
  Layout layout = Layout::kRowMajor;
  std::shared_ptr<Storage> storage;
  bool requires_grad = false;
  Tensor grad;
  std::shared_ptr<TapeNode> node;
  struct {
    std::uint64_t quantizer = 0, grid = 0, version = 0;
  } made_by;  ///< which quantizer, 0: none; on which grid; the version that its values had then
  Twins twins;

  TensorBody() = default;
  ~TensorBody();
  TensorBody(const TensorBody&) = delete;
  TensorBody& operator=(const TensorBody&) = delete;

  std::int64_t size() const { return element_count(shape); }
  /// Rows and channels as batch norm and the fused loops see them.
  kernels::Rows rows() const;
  /// The values, computed now if they were not. Throws Error, in the name of the op that computes them; the recipe then
  /// stays, and the next reader tries again.
  float* values() const;
};

/// A tensor that `recipe` will fill.
Tensor make_lazy(const Shape& shape, Layout layout, std::shared_ptr<const Recipe> recipe);
/// A tensor whose values are integers until somebody wants floats.
Tensor make_quantized(const Shape& shape, Layout layout, ActivationIntegers integers);
/// The recipe of t if its values have not been computed yet, else null; always null while a trace is taken.
const Recipe* open_recipe(const Tensor& t);
/// t's values as they are now. Computes them if they were not.
Snapshot snapshot(const Tensor& t);
/// For an op to write its result: nobody else has the tensor yet, so nothing that reads it can miss the change.
float* fresh_values(const Tensor& t);

/// Throws Error, in the name of `op`, unless `gradient` can be the gradient of `body`: defined, of its shape and
/// layout.
void check_gradient_fits(const char* op, const Tensor& gradient, const TensorBody& body);

}  // namespace octet::detail
