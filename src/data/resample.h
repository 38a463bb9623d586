// SPDX-License-Identifier: Apache-2.0
// Private to data: cutting images and changing their size.
#pragma once

#include "octet/base/shape.h"
#include "octet/data/image.h"

namespace octet {

/// A rectangle in the pixels of an image; it may reach over the borders.
struct Window {
  std::int64_t top, left, height, width;
};

/// The pixels of a window, black where it lies outside the image.
Image crop(const Image& image, const Window& window);

/// Bilinear with half-pixel centres; when it shrinks, the filter is widened so that every pixel counts (as Pillow and
/// torchvision's antialias do), with Pillow's pixels. Sizes are positive (asserted).
Image resize(const Image& image, Size2 size);

}  // namespace octet
