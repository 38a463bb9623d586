// SPDX-License-Identifier: Apache-2.0
// What happens to an image between its file and the network. Names, meaning and defaults are torchvision's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include "octet/base/rng.h"
#include "octet/base/shape.h"
#include "octet/data/image.h"

namespace octet {

/// Surrounds the image with `padding` black pixels on each side, then cuts out a random window. The image with its
/// padding must be at least as large.
struct RandomCrop {
  Size2 size;
  std::int64_t padding = 0;
};

/// Mirrors left and right with probability p.
struct RandomHorizontalFlip {
  float p = 0.5F;
};

/// Cuts out a random part of `scale` times the area and of a width / height within `ratio`, and resizes it. Where ten
/// random parts do not fit, it is the largest middle part of an allowed ratio.
struct RandomResizedCrop {
  Size2 size;
  float min_scale = 0.08F, max_scale = 1.0F;
  double min_ratio = 3.0 / 4, max_ratio = 4.0 / 3;
};

/// Cuts out the middle, from half of the rest on (rounded half to even). A smaller image is padded with black first.
struct CenterCrop {
  Size2 size;
};

/// Resizes to exactly this size, whatever the shape of the image: bilinear, and widened where it shrinks (antialias),
/// with Pillow's pixels. Unlike torchvision's, one number stands for both sides; its Resize(n) is ResizeShorterSide.
struct Resize {
  Size2 size;
};

/// Resizes so that the shorter side gets this length and the shape is kept (torchvision's Resize with one number); the
/// longer side is cut off to whole pixels. No side may become longer than 16384.
struct ResizeShorterSide {
  std::int64_t length;
};

using ImageStep =
    std::variant<RandomCrop, RandomHorizontalFlip, RandomResizedCrop, CenterCrop, Resize, ResizeShorterSide>;

/// value = (pixel / 255 - mean) / stddev. One number for all channels, or one per channel.
struct Normalize {
  std::vector<float> mean = {0.0F};
  std::vector<float> stddev = {1.0F};
};

/// With probability p sets a random rectangle to 0, the mean after normalisation.
struct RandomErasing {
  float p = 0.5F;
  float min_scale = 0.02F, max_scale = 0.33F;  ///< share of the area
  float min_ratio = 0.3F, max_ratio = 3.3F;    ///< height / width
};

/// The way of a sample: the steps on 8-bit pixels in their order, then to float, then erasing.
struct Transform {
  std::vector<ImageStep> steps = {};
  Normalize normalize = {};
  std::optional<RandomErasing> erasing = std::nullopt;
};

/// Throws Error if an option is out of its range.
void validate(const Transform& transform);

/// The steps on pixels. Throws Error if a crop does not fit into the image.
Image apply_steps(const Transform& transform, Image image, Rng& rng);

/// Normalisation and erasing; out has the size and the order of image.pixels.
/// Throws Error if `normalize` is for another number of channels.
void to_float(const Transform& transform, const Image& image, Rng& rng, std::span<float> out);

}  // namespace octet
