// SPDX-License-Identifier: Apache-2.0
#include "octet/data/batch.h"

#include <algorithm>
#include <string>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"

namespace octet {
namespace {

Shape batch_shape(std::int64_t count, const Image& image) { return {count, image.channels, image.height, image.width}; }

std::span<float> image_values(Tensor& images, std::int64_t i) {
  const auto size = static_cast<std::size_t>(images.size() / images.dim(0));
  return images.mutable_values().subspan(static_cast<std::size_t>(i) * size, size);
}

}  // namespace

Batch make_batch(const Dataset& dataset, std::span<const std::int64_t> indices, const Transform& transform,
                 const Rng& rng) {
  const FloatEnvironment numbers;
  const auto count = static_cast<std::int64_t>(indices.size());
  Batch batch;
  batch.labels.reserve(indices.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t index = indices[static_cast<std::size_t>(i)];
    Rng sample_rng = rng.fork(static_cast<std::uint64_t>(index));
    Sample sample = dataset.get(index);  // names the file in its errors
    const std::string name = dataset.sample_name(index);
    const ContextScope scope(name);
    const Image image = apply_steps(transform, std::move(sample.image), sample_rng);
    const Shape shape = batch_shape(count, image);
    if (!batch.images.defined()) batch.images = Tensor::empty(shape);
    require(batch.images.shape() == shape, "make_batch: images of a batch must have one size, but this one is [",
            image.channels, ", ", image.height, ", ", image.width, "] in a batch of ", batch.images.shape(),
            "; let the transform end with a crop or Resize");
    to_float(transform, image, sample_rng, image_values(batch.images, i));
    batch.labels.push_back(sample.label);
  }
  return batch;
}

void require_fitting(const Dataset& dataset, const Transform& transform) {
  constexpr std::size_t kAtOnce = 16;
  const std::vector<std::int64_t> all = dataset.one_of_each_size();
  // What becomes of an image's size depends on no random choice. The first one is in each batch, to be compared with.
  for (std::size_t done = 0; done < all.size(); done += kAtOnce) {
    std::vector<std::int64_t> some = {all.front()};
    for (std::size_t i = std::max<std::size_t>(done, 1); i < std::min(done + kAtOnce, all.size()); ++i)
      some.push_back(all[i]);
    make_batch(dataset, some, transform, Rng(0));
  }
}

Tensor to_tensor(const Image& image, const Transform& transform, Rng& rng) {
  const FloatEnvironment numbers;
  const Image transformed = apply_steps(transform, image, rng);
  Tensor out = Tensor::empty(batch_shape(1, transformed));
  to_float(transform, transformed, rng, image_values(out, 0));
  return out;
}

}  // namespace octet
