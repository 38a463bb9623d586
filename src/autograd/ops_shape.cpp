// SPDX-License-Identifier: Apache-2.0
// Ops that move values without changing them.
#include "octet/autograd/body.h"
#include "octet/autograd/op_checks.h"
#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/kernels/layout.h"
#include "octet/kernels/shape.h"

namespace octet {
namespace {

using detail::ShapeAndLayout;

// dim counted from the front; negative ones count from the end.
std::int64_t from_front(const char* op, const char* name, std::int64_t dim, const Shape& shape) {
  const std::int64_t rank = std::ssize(shape);
  require(dim >= -rank && dim < rank, op, ": ", name, " must be in [", -rank, ", ", rank, ") (", name, " ", dim,
          ", shape ", shape, ")");
  return dim < 0 ? dim + rank : dim;
}

// ---- cat -----------------------------------------------------------------------------------------------------------

void check_parts(std::span<const Tensor> parts) {
  require(!parts.empty(), "cat: at least one part is needed");
  for (std::size_t i = 0; i < parts.size(); ++i) require(parts[i].defined(), "cat: part ", i, " must be defined");
  require(parts[0].rank() > 0, "cat: parts must have at least one dimension, scalars have none");
}

Shape joined_shape(std::span<const Tensor> parts, std::int64_t dim) {
  const auto d = static_cast<std::size_t>(dim);
  Shape joined = parts[0].shape();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    Shape shape = parts[i].shape();
    if (shape.size() == joined.size()) {
      joined[d] += shape[d];
      shape[d] = joined[d];
    }
    require(shape == joined, "cat: all sizes but that of dim ", dim, " must be equal (part 0 ", parts[0].shape(),
            ", part ", i, " ", parts[i].shape(), ")");
    require(parts[i].layout() == parts[0].layout(), "cat: part 0 and part ", i,
            " lie in different orders: one is an activation (channels-last), the other a row-major tensor");
  }
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
  dim = from_front("cat", "dim", dim, parts[0].shape());
  const Layout layout = parts[0].layout();
  Tensor y = Tensor::empty(joined_shape(parts, dim), layout);
  const std::int64_t pitch = piece(y.shape(), layout, dim), rows = pitch == 0 ? 0 : y.size() / pitch;
  std::vector<ShapeAndLayout> places;
  std::vector<Slot> slots;
  std::int64_t offset = 0;
  for (const Tensor& part : parts) {
    const std::int64_t width = piece(part.shape(), layout, dim);
    kernels::copy_rows({rows, width, width, pitch}, part.values().data(), y.mutable_values().data() + offset);
    places.emplace_back(part);
    slots.push_back({offset, width});
    offset += width;
  }
  return record(
      "cat", y, parts,
      [=] {
        return Attributes{{"dim", dim}};
      },
      [places, slots, rows, pitch](const Tensor& dy, const NeedsGrad& needs) {
        std::vector<Tensor> grads(places.size());
        for (std::size_t i = 0; i < places.size(); ++i) {
          if (!needs[i]) continue;
          grads[i] = places[i].empty();
          kernels::copy_rows({rows, slots[i].width, pitch, slots[i].width}, dy.values().data() + slots[i].offset,
                             grads[i].mutable_values().data());
        }
        return grads;
      });
}

// ---- reshape, flatten ----------------------------------------------------------------------------------------------

namespace {

// x's values under another shape of equal size, not copied.
Tensor shared(const Tensor& x, const Shape& shape, Layout layout) {
  x.values();  // pending values are computed by the shape they were noted for
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
    kernels::nhwc_to_nchw(images(x.shape()), x.values().data(), rows.mutable_values().data());
  }
  if (lies_row_major(shape, layout)) return shared(rows, shape, layout);
  Tensor y = Tensor::empty(shape, layout);
  kernels::nchw_to_nhwc(images(shape), rows.values().data(), y.mutable_values().data());
  return y;
}

Tensor reshaped(const char* op, const Tensor& x, const Shape& shape, const DescribeOp& attributes) {
  const Layout layout = shape.size() == 4 ? Layout::kChannelsLast : Layout::kRowMajor;
  return record(op, rearranged(x, shape, layout), {x}, attributes,
                [from = ShapeAndLayout(x)](const Tensor& dy, const NeedsGrad&) {
                  return std::vector<Tensor>{rearranged(dy, from.shape, from.layout)};
                });
}

// The asked shape with its one -1, if any, computed.
Shape completed(const Shape& from, const Shape& asked) {
  Shape shape = asked;
  std::int64_t* unknown = nullptr;
  std::int64_t known = 1;
  for (std::int64_t& size : shape) {
    require(size >= -1 && (size >= 0 || !unknown), "reshape: sizes must not be negative, but one may be -1 (shape ",
            asked, ")");
    if (size == -1)
      unknown = &size;
    else
      require(!__builtin_mul_overflow(known, size, &known), "reshape: too many elements (shape ", asked, ")");
  }
  const std::int64_t count = element_count(from);
  if (unknown && known != 0) *unknown = count / known;
  require(unknown ? known != 0 && count % known == 0 : count == known, "reshape: ", from, " has ", count,
          " elements, which do not fit the shape ", asked);
  return shape;
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) {
  detail::require_defined("reshape", "x", x);
  return reshaped("reshape", x, completed(x.shape(), shape), [&] { return Attributes{{"shape", shape}}; });
}

Tensor flatten(const Tensor& x, std::int64_t start_dim, std::int64_t end_dim) {
  detail::require_defined("flatten", "x", x);
  const Shape& shape = x.shape();
  const std::int64_t start = from_front("flatten", "start_dim", start_dim, shape);
  const std::int64_t end = from_front("flatten", "end_dim", end_dim, shape);
  require(start <= end, "flatten: start_dim must not come after end_dim (start_dim ", start_dim, ", end_dim ", end_dim,
          ", shape ", shape, ")");
  const auto first = shape.begin() + start, last = shape.begin() + end + 1;
  Shape merged(shape.begin(), first);
  merged.push_back(element_count(Shape(first, last)));
  merged.insert(merged.end(), last, shape.end());
  return reshaped("flatten", x, merged, [=] { return Attributes{{"start_dim", start}, {"end_dim", end}}; });
}

}  // namespace octet
