// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/integers.h"

#include <algorithm>
#include <atomic>

#include "octet/autograd/epilogue.h"
#include "octet/graph/operators_quantization.h"

namespace octet {
namespace {

std::atomic<QuantizedForward> forward_arithmetic{QuantizedForward::kInt8};

class ActivationRecipe final : public detail::Recipe {
 public:
  explicit ActivationRecipe(ActivationIntegers integers)
      : Recipe(ops::kUlqActivation), integers_(std::move(integers)) {}
  void fill(const detail::TensorBody& body, float* values) const override {
    kernels::dequantize(body.size(), integers_.scale, integers_.data(), values);
  }
  bool outlives_values() const override { return true; }
  const ActivationIntegers* activation_integers() const override { return &integers_; }

 private:
  const ActivationIntegers integers_;
};

class WeightRecipe final : public detail::Recipe {
 public:
  explicit WeightRecipe(WeightIntegers integers) : Recipe(ops::kFakeQuantizeWeight), integers_(std::move(integers)) {}
  void fill(const detail::TensorBody&, float* values) const override {
    kernels::dequantize_channels(integers_.view, integers_.scales.data(), integers_.data(), values);
  }
  bool outlives_values() const override { return true; }
  const WeightIntegers* weight_integers() const override { return &integers_; }

 private:
  const WeightIntegers integers_;
};

const detail::Recipe* recipe_of(const Tensor& t) { return t.defined() ? t.body()->storage->recipe.get() : nullptr; }

}  // namespace

const ActivationIntegers* activation_integers(const Tensor& t) {
  const detail::Recipe* const recipe = recipe_of(t);
  return recipe ? recipe->activation_integers() : nullptr;
}

const WeightIntegers* weight_integers(const Tensor& t) {
  const detail::Recipe* const recipe = recipe_of(t);
  return recipe ? recipe->weight_integers() : nullptr;
}

Tensor make_integer_weight(const Shape& shape, WeightIntegers integers) {
  return detail::make_lazy(shape, Layout::kRowMajor, std::make_shared<const WeightRecipe>(std::move(integers)));
}

void visit_values(const Tensor& x, const std::function<void(std::span<const float>)>& visit) {
  const detail::Epilogue* const open = detail::epilogue_of(x);
  if (!open) return visit(x.values());
  // Some rows at a time: a whole activation is what has been avoided so far.
  constexpr std::int64_t kValues = 1 << 18;
  const kernels::Rows all = x.body()->rows();
  const std::int64_t rows = std::max<std::int64_t>(kValues / std::max<std::int64_t>(all.channels, 1), 1);
  const kernels::Buffer piece = kernels::Buffer::floats(rows * all.channels);
  for (std::int64_t begin = 0; begin < all.rows; begin += rows) {
    const kernels::Rows part{std::min(rows, all.rows - begin), all.channels};
    detail::compute(*open, begin, part, piece.floats());
    visit({piece.floats(), static_cast<std::size_t>(part.size())});
  }
}

void set_quantized_forward(QuantizedForward how) { forward_arithmetic = how; }

QuantizedForward quantized_forward() { return forward_arithmetic; }

namespace detail {

Tensor make_quantized(const Shape& shape, Layout layout, ActivationIntegers integers) {
  return make_lazy(shape, layout, std::make_shared<const ActivationRecipe>(std::move(integers)));
}

}  // namespace detail
}  // namespace octet
