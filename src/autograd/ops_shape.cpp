// SPDX-License-Identifier: Apache-2.0
// Ops that move values without changing them.
#include "octet/autograd/body.h"
#include "octet/autograd/execution_families.h"
#include "octet/autograd/integers.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/graph/attributes.h"
#include "octet/kernels/float/layout.h"
#include "octet/kernels/float/shape.h"

namespace octet {
namespace {

using detail::ShapeAndLayout;

// ---- cat -----------------------------------------------------------------------------------------------------------

void check_parts(std::span<const Tensor> parts) {
  require(!parts.empty(), "cat: at least one part is needed");
  for (std::size_t i = 0; i < parts.size(); ++i) require(parts[i].defined(), "cat: part ", i, " must be defined");
  require(parts[0].rank() > 0, "cat: parts must have at least one dimension, scalars have none");
}

Shape joined_shape(std::span<const Tensor> parts, std::int64_t dim) {
  std::vector<const Shape*> shapes;
  for (const Tensor& part : parts) shapes.push_back(&part.shape());
  Shape joined = cat_shape(shapes, dim);
  for (std::size_t i = 1; i < parts.size(); ++i)
    require(parts[i].layout() == parts[0].layout(), "cat: part 0 and part ", i,
            " lie in different orders: one is an activation (channels-last), the other a row-major tensor");
  return joined;
}

// In memory, the values of one part lie in pieces of this many: the sizes from `dim` inwards.
std::int64_t piece(const Shape& shape, Layout layout, std::int64_t dim) {
  Shape memory = shape;
  std::size_t at = static_cast<std::size_t>(dim);
  if (layout == Layout::kChannelsLast) {
    memory = {shape[0], shape[2], shape[3], shape[1]};
    at = at == 0 ? 0 : at == 1 ? 3 : at - 1;
  }
  return element_count(Shape(memory.begin() + static_cast<std::ptrdiff_t>(at), memory.end()));
}

// Where the pieces of a part start within those of the whole, and how many values each has.
struct Slot {
  std::int64_t offset, width;
};

}  // namespace

Tensor cat(std::span<const Tensor> parts, std::int64_t dim) {
  check_parts(parts);
  dim = dim_from_front(ops::kCat, "dim", dim, parts[0].shape());
  const Layout layout = parts[0].layout();
  Tensor y = Tensor::empty(joined_shape(parts, dim), layout);
  const std::int64_t pitch = piece(y.shape(), layout, dim), rows = pitch == 0 ? 0 : y.size() / pitch;
  std::vector<ShapeAndLayout> places;
  std::vector<Slot> slots;
  std::int64_t offset = 0;
  for (const Tensor& part : parts) {
    const std::int64_t width = piece(part.shape(), layout, dim);
    kernels::copy_rows({rows, width, width, pitch}, part.values().data(), detail::fresh_values(y) + offset);
    places.emplace_back(part);
    slots.push_back({offset, width});
    offset += width;
  }
  return record(
      ops::kCat, y, parts,
      [=] {
        return Attributes{{"dim", dim}};
      },
      [places, slots, rows, pitch](const Tensor& dy, const NeedsGrad& needs) {
        std::vector<Tensor> grads(places.size());
        for (std::size_t i = 0; i < places.size(); ++i) {
          if (!needs[i]) continue;
          grads[i] = places[i].empty();
          kernels::copy_rows({rows, slots[i].width, pitch, slots[i].width}, dy.values().data() + slots[i].offset,
                             detail::fresh_values(grads[i]));
        }
        return grads;
      });
}

// ---- reshape, flatten ----------------------------------------------------------------------------------------------

namespace {

// x's values under another shape of equal size, not copied.
Tensor shared(const Tensor& x, const Shape& shape, Layout layout) {
  // The integers of a weight lie by its shape: under another one their floats go on alone.
  if (weight_integers(x) && shape != x.shape()) return shared(x.clone(), shape, layout);
  x.values();  // a recipe fills values of the shape that it was made for
  auto body = std::make_shared<detail::TensorBody>();
  body->shape = shape;
  body->layout = layout;
  body->storage = x.body()->storage;
  return Tensor(std::move(body));
}

kernels::ImageBatch images(const Shape& shape) { return {shape[0], shape[1], shape[2] * shape[3]}; }

// True if the order in memory is the logical row-major order: always but for images of several channels and pixels.
bool lies_row_major(const Shape& shape, Layout layout) {
  return layout == Layout::kRowMajor || shape[1] <= 1 || shape[2] * shape[3] <= 1;
}

// x's values in their logical order under another shape; copied only if they must move.
Tensor rearranged(const Tensor& x, const Shape& shape, Layout layout) {
  if (shape == x.shape() && layout == x.layout()) return shared(x, shape, layout);
  Tensor rows;
  if (lies_row_major(x.shape(), x.layout())) {
    rows = shared(x, {x.size()}, Layout::kRowMajor);
  } else {
    rows = Tensor::empty({x.size()});
    kernels::nhwc_to_nchw(images(x.shape()), x.values().data(), detail::fresh_values(rows));
  }
  if (lies_row_major(shape, layout)) return shared(rows, shape, layout);
  Tensor y = Tensor::empty(shape, layout);
  kernels::nchw_to_nhwc(images(shape), rows.values().data(), detail::fresh_values(y));
  return y;
}

Tensor reshaped(const char* op, const Tensor& x, const Shape& shape, const DescribeOp& attributes) {
  const Layout layout = shape.size() == 4 ? Layout::kChannelsLast : Layout::kRowMajor;
  return record(op, rearranged(x, shape, layout), {x}, attributes,
                [from = ShapeAndLayout(x)](const Tensor& dy, const NeedsGrad&) {
                  return std::vector<Tensor>{rearranged(dy, from.shape, from.layout)};
                });
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  detail::require_defined(ops::kReshape, "x", x);
  return reshaped(ops::kReshape, x, reshape_shape(x.shape(), shape), [&] { return Attributes{{"shape", shape}}; });
}

Tensor flatten(const Tensor& x, std::int64_t start_dim, std::int64_t end_dim) {
  detail::require_defined(ops::kFlatten, "x", x);
  const Shape merged = flatten_shape(x.shape(), start_dim, end_dim);
  return reshaped(ops::kFlatten, x, merged, [&] {
    return Attributes{{"start_dim", dim_from_front(ops::kFlatten, "start_dim", start_dim, x.shape())},
                      {"end_dim", dim_from_front(ops::kFlatten, "end_dim", end_dim, x.shape())}};
  });
}

namespace detail {

std::span<const NamedExecution> shape_executions() {
  static constexpr NamedExecution kAll[] = {
      {ops::kCat,
       [](std::span<const Tensor> in, const Attributes& a) { return cat(in, attribute(a, "dim", std::int64_t{1})); }},
      {ops::kReshape, [](std::span<const Tensor> in,
                         const Attributes& a) { return reshape(in[0], reshape_target(in[0].shape(), a)); }},
      {ops::kFlatten,
       [](std::span<const Tensor> in, const Attributes& a) {
         return flatten(in[0], attribute(a, "start_dim", std::int64_t{1}), attribute(a, "end_dim", std::int64_t{-1}));
       }},
  };
  return kAll;
}

}  // namespace detail
}  // namespace octet
