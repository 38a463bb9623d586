// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/epilogue.h"

#include <algorithm>

#include "octet/autograd/integers.h"
#include "octet/autograd/trace.h"

namespace octet::detail {
namespace {

class EpilogueRecipe final : public Recipe {
 public:
  EpilogueRecipe(const char* op, Epilogue epilogue) : Recipe(op), epilogue_(std::move(epilogue)) {}
  void fill(const TensorBody& body, float* values) const override { compute(epilogue_, 0, body.rows(), values); }
  const Epilogue* as_epilogue() const override { return &epilogue_; }

 private:
  const Epilogue epilogue_;
};

}  // namespace

kernels::EpilogueTerm Epilogue::Term::kernel_term() const {
  if (sums) return {sums->sums.values().data(), sums->start(), sums->factor(), sums->bias()};
  if (norm) return {norm->data->floats(), norm->mean(), norm->scale(), norm->shift()};
  if (values) return {.x = values->floats()};
  const ActivationIntegers& q = *integers->activation_integers();
  return {.q = q.data(), .grid = q.scale};
}

kernels::EpilogueTerm Epilogue::kernel_term(std::size_t i) const {
  return i < terms.size() ? terms[i].kernel_term() : kernels::EpilogueTerm{};
}

bool Epilogue::per_channel() const {
  return std::ranges::any_of(terms, [](const Term& term) { return !term.is_plain(); });
}

Epilogue::Term plain_term(const Tensor& x) {
  const Storage& storage = *x.body()->storage;
  if (!storage.has_values() && activation_integers(x)) return {.x = x, .integers = storage.recipe};
  return {.x = x, .values = snapshot(x)};
}

void compute(const Epilogue& epilogue, std::int64_t begin, const kernels::Rows& rows, float* values) {
  kernels::EpilogueTerm terms[2] = {epilogue.kernel_term(0), epilogue.kernel_term(1)};
  for (kernels::EpilogueTerm& term : terms) {
    if (term.x) term.x += begin * rows.channels;
    if (term.q) term.q += begin * rows.channels;
  }
  // Without values per channel all are alike, and a long last dimension is no reason to walk in steps of it.
  kernels::epilogue_forward(epilogue.per_channel() ? rows : kernels::Rows{rows.size(), 1}, terms, epilogue.clamp,
                            values);
}

Tensor make_epilogue(const char* op, const Shape& shape, Layout layout, Epilogue epilogue) {
  return make_lazy(shape, layout, std::make_shared<const EpilogueRecipe>(op, std::move(epilogue)));
}

Tensor make_integer_sums(const char* op, const Shape& shape, Layout layout, IntegerSums sums) {
  Epilogue epilogue{{{.sums = std::make_shared<const IntegerSums>(std::move(sums))}}};
  Tensor y = make_epilogue(op, shape, layout, std::move(epilogue));
  if (TraceRecorder::active()) y.values();
  return y;
}

const Epilogue* epilogue_of(const Tensor& t) {
  const Recipe* const recipe = open_recipe(t);
  return recipe ? recipe->as_epilogue() : nullptr;
}

std::shared_ptr<const IntegerSums> integer_sums_of(const Tensor& t) {
  const Epilogue* const epilogue = epilogue_of(t);
  return epilogue ? epilogue->terms[0].sums : nullptr;
}

Tensor lazy_sum(const Tensor& a, const Tensor& b) {
  return make_epilogue("sum of gradients", a.shape(), a.layout(), {{plain_term(a), plain_term(b)}});
}

}  // namespace octet::detail
