// SPDX-License-Identifier: Apache-2.0
// parse_cifar on arbitrary bytes, whose first one picks the kind of file; what it accepts has all pixels and valid
// labels.
#include "octet/data/cifar.h"
#include "fuzz_target.h"

void octet::fuzz(std::string_view bytes) {
  if (bytes.empty()) return;
  const auto kind = static_cast<CifarKind>(static_cast<unsigned char>(bytes[0]) % 3);
  const LabelledImages images = parse_cifar(bytes.substr(1), kind, "fuzz");
  if (images.pixels.size() != images.labels.size() * 3072) std::abort();
  for (std::int64_t label : images.labels) {
    if (label < 0 || label >= 100) std::abort();
  }
}
