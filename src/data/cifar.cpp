// SPDX-License-Identifier: Apache-2.0
#include "octet/data/cifar.h"

#include <cstddef>
#include <cstdint>

#include "octet/base/error.h"
#include "octet/base/file.h"

namespace octet {
namespace {

constexpr std::int64_t kSide = 32, kChannels = 3, kPlane = kSide * kSide;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 30;

struct RecordFormat {
  const char* name;
  std::size_t label_bytes;
  std::size_t label_offset;  // of the wanted label within the record
  std::int64_t classes;
  std::size_t bytes() const { return label_bytes + kPlane * kChannels; }
};

RecordFormat record_format(CifarKind kind) {
  switch (kind) {
    case CifarKind::kCifar10:
      return {"CIFAR-10", 1, 0, 10};
    case CifarKind::kCifar100Coarse:
      return {"CIFAR-100 (coarse labels)", 2, 0, 20};
    case CifarKind::kCifar100Fine:
      return {"CIFAR-100 (fine labels)", 2, 1, 100};
  }
  fail("parse_cifar: unknown kind (", static_cast<int>(kind), ")");
}

}  // namespace

LabelledImages parse_cifar(std::string_view bytes, CifarKind kind, const std::string& source) {
  const RecordFormat format = record_format(kind);
  require(!bytes.empty(), source, ": byte 0: the file is empty, expected ", format.name, " records of ", format.bytes(),
          " bytes");
  const std::size_t count = bytes.size() / format.bytes(), rest = bytes.size() % format.bytes();
  require(rest == 0, source, ": byte ", count * format.bytes(), ": ", format.name, " records have ", format.bytes(),
          " bytes, but only ", rest, " are left");

  LabelledImages images{.height = kSide, .width = kSide, .channels = kChannels};
  images.labels.resize(count);
  images.pixels.resize(count * kPlane * kChannels);
  auto out = images.pixels.begin();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t label_at = i * format.bytes() + format.label_offset;
    images.labels[i] = static_cast<std::uint8_t>(bytes[label_at]);
    require(images.labels[i] < format.classes, source, ": byte ", label_at, ": label ", images.labels[i],
            " is not below the ", format.classes, " classes of ", format.name);
    const std::string_view planes = bytes.substr(i * format.bytes() + format.label_bytes, kPlane * kChannels);
    for (std::size_t p = 0; p < kPlane; ++p) {
      for (std::size_t c = 0; c < kChannels; ++c) *out++ = static_cast<std::uint8_t>(planes[c * kPlane + p]);
    }
  }
  return images;
}

LabelledImages read_cifar(const std::filesystem::path& path, CifarKind kind) {
  return parse_cifar(read_file(path, kMaxFileBytes), kind, path.string());
}

}  // namespace octet
