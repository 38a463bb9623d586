// SPDX-License-Identifier: Apache-2.0
// The format: a little-endian 64-bit length; so many bytes of JSON, {"name": {"dtype": "F32", "shape": [2, 3],
// "data_offsets": [begin, end]}, ..., "__metadata__": {text: text}}; then the values, without gaps. Offsets count from
// the end of the header.
#include "octet/nn/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/file_kind.h"
#include "octet/base/float_environment.h"
#include "octet/base/input_file.h"
#include "octet/base/sha256.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"

namespace octet::safetensors {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied as they lie in the file");

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 36;
constexpr std::size_t kMostSizes = 64;  // of a shape, as in PyTorch
constexpr std::string_view kMetadataKey = "__metadata__";
constexpr const char* kSealKey = "sha256";
constexpr std::uint64_t kHashedBytes = std::uint64_t{1} << 20;  // at a time
// What stands in the place of the hash while it is computed.
constexpr std::string_view kUnsealed = "0000000000000000000000000000000000000000000000000000000000000000";

struct TypeRow {
  Type type;
  std::string_view name;
  std::uint64_t size;
};
constexpr std::array<TypeRow, 15> kTypes{{{Type::kBool, "BOOL", 1},
                                          {Type::kU8, "U8", 1},
                                          {Type::kI8, "I8", 1},
                                          {Type::kF8E5M2, "F8_E5M2", 1},
                                          {Type::kF8E4M3, "F8_E4M3", 1},
                                          {Type::kU16, "U16", 2},
                                          {Type::kI16, "I16", 2},
                                          {Type::kF16, "F16", 2},
                                          {Type::kBF16, "BF16", 2},
                                          {Type::kU32, "U32", 4},
                                          {Type::kI32, "I32", 4},
                                          {Type::kF32, "F32", 4},
                                          {Type::kU64, "U64", 8},
                                          {Type::kI64, "I64", 8},
                                          {Type::kF64, "F64", 8}}};

const TypeRow& row_of(Type type) { return *std::ranges::find(kTypes, type, &TypeRow::type); }

// ---- reading the header --------------------------------------------------------------------------------------------

[[noreturn]] void fail_at(const Document& where, const std::string& name, const std::string& rule) {
  fail(where.position().prefix(), "tensor ", in_quotes(name), ": ", rule);
}

Type parse_type(const Document& value, const std::string& name) {
  const auto row = std::ranges::find(kTypes, value.as_string(), &TypeRow::name);
  if (row == kTypes.end()) fail_at(value, name, text("unknown dtype ", in_quotes(value.as_string())));
  return row->type;
}

std::uint64_t parse_size(const Document& value, const std::string& name) {
  const std::int64_t size = value.as_integer();
  if (size < 0) fail_at(value, name, text("a size or an offset is negative (", size, ")"));
  return static_cast<std::uint64_t>(size);
}

// The product of the sizes and the element's bytes, or an error if it does not fit into 63 bits.
std::uint64_t checked_bytes(const Entry& entry, const Document& where) {
  std::uint64_t bytes = type_size(entry.type);
  for (const std::int64_t size : entry.shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(size), &bytes) || std::bit_width(bytes) > 63)
      fail_at(where, entry.name, text("the size of shape ", entry.shape, " overflows"));
  return bytes;
}

Entry parse_entry(const Document::Member& member, std::uint64_t data_size) {
  const std::string& name = member.key;
  const Document& fields = member.value;
  for (const auto& [key, value, position] : fields.members())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      fail_at(value, name, text("unknown key ", in_quotes(key)));

  Entry entry{.name = name, .type = parse_type(fields.at("dtype"), name), .shape = {}, .begin = 0, .end = 0};
  const Document& shape = fields.at("shape");
  if (shape.items().size() > kMostSizes)
    fail_at(shape, name, text("a shape has at most ", kMostSizes, " sizes, got ", shape.items().size()));
  for (const Document& size : shape.items()) entry.shape.push_back(static_cast<std::int64_t>(parse_size(size, name)));

  const Document& offsets = fields.at("data_offsets");
  if (offsets.items().size() != 2) fail_at(offsets, name, text("data_offsets are two, got ", offsets.items().size()));
  entry.begin = parse_size(offsets.items()[0], name);
  entry.end = parse_size(offsets.items()[1], name);
  if (entry.begin > entry.end || entry.end > data_size)
    fail_at(offsets, name,
            text("data_offsets [", entry.begin, ", ", entry.end, "] do not lie in order within the ", data_size,
                 " bytes of data"));
  if (const std::uint64_t bytes = checked_bytes(entry, shape); bytes != entry.end - entry.begin)
    fail_at(offsets, name,
            text(type_name(entry.type), ' ', entry.shape, " takes ", bytes, " bytes, but data_offsets [", entry.begin,
                 ", ", entry.end, "] hold ", entry.end - entry.begin));
  return entry;
}

// Every byte of the data belongs to exactly one tensor.
void check_places(const std::vector<Entry>& entries, std::uint64_t data_size, const std::string& source) {
  std::uint64_t place = 0;
  for (const Entry& entry : entries) {
    require(entry.begin >= place, source, ": tensor ", in_quotes(entry.name), " at data offset ", entry.begin,
            " overlaps the one before it, which ends at ", place);
    require(entry.begin == place, source, ": the data has a gap before tensor ", in_quotes(entry.name), " (bytes ",
            place, " to ", entry.begin, ")");
    place = entry.end;
  }
  require(place == data_size, source, ": the tensors end at data offset ", place, ", but the file has ", data_size,
          " bytes of data");
}

// ---- converting values ---------------------------------------------------------------------------------------------

float from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

float from_f16(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16, exponent = (half >> 10) & 0x1Fu, fraction = half & 0x3FFu;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | (fraction << 13));
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  const float subnormal = static_cast<float>(fraction) * 0x1p-24F;
  return sign ? -subnormal : subnormal;
}

// The elements of an entry as T, through memcpy: nothing promises that they are aligned.
template <typename T, typename Out, typename Convert>
void convert(std::string_view bytes, std::vector<Out>& out, const Convert& convert_one) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = convert_one(value);
  }
}

}  // namespace

std::string_view type_name(Type type) { return row_of(type).name; }

std::uint64_t type_size(Type type) { return row_of(type).size; }

File File::parse(std::string bytes, std::string source) {
  File file;
  file.bytes_ = std::move(bytes);
  file.source_ = std::move(source);
  file.parse_header(file.bytes_.size());
  return file;
}

File File::read(const std::filesystem::path& path) {
  File file;
  file.file_ = std::make_shared<const InputFile>(path);
  file.source_ = path.string();
  const std::uint64_t size = file.file_->reported_size();
  require(size <= kMaxFileBytes, file.source_, ": the file has ", size, " bytes, more than the limit of ",
          kMaxFileBytes);
  file.parse_header(size);
  return file;
}

void File::parse_header(std::uint64_t size) {
  const std::string start = piece(0, std::min<std::uint64_t>(size, kKindBytes));
  if (!std::string_view(start).substr(std::min(start.size(), kLengthBytes)).starts_with('{')) {
    const std::string wrong = wrong_file(start, WantedFile::kSafetensors);
    require(wrong.empty() || (size > 0 && size < kLengthBytes), source_, ": ", wrong);
  }
  require(size >= kLengthBytes, source_, ": byte 0: a safetensors file has at least 8 bytes, this one has ", size);
  require(start.size() > kLengthBytes && start[kLengthBytes] == '{', source_,
          ": byte 8: the header must start with {; this is no safetensors file, or a damaged one");
  std::uint64_t header_size = 0;
  std::memcpy(&header_size, start.data(), kLengthBytes);
  require(header_size <= kMaxHeaderBytes, source_, ": byte 0: the header is said to have ", header_size,
          " bytes; at most ", kMaxHeaderBytes, " are allowed");
  require(header_size <= size - kLengthBytes, source_, ": byte 0: the header is said to have ", header_size,
          " bytes, but ", size - kLengthBytes, " follow");
  data_begin_ = kLengthBytes + header_size;
  const std::uint64_t data_size = size - data_begin_;

  const Document root = parse_json(piece(kLengthBytes, header_size), source_ + " (header at byte 8)",
                                   {.max_bytes = kMaxHeaderBytes, .max_depth = 4, .max_nodes = 2'000'000});
  for (const Document::Member& member : root.members()) {
    if (member.key != kMetadataKey) {
      entries_.push_back(parse_entry(member, data_size));
      continue;
    }
    for (const Document::Member& item : member.value.members()) metadata_[item.key] = item.value.as_string();
  }
  if (const auto format = metadata_.find(kOctetFormatKey); format != metadata_.end())
    require_readable(kWeightsFormat, format->second, source_);
  std::ranges::stable_sort(entries_, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  check_places(entries_, data_size, source_);
  for (std::size_t i = 0; i < entries_.size(); ++i) index_[entries_[i].name] = i;
}

std::string File::piece(std::uint64_t begin, std::uint64_t count) const {
  return file_ ? file_->bytes(begin, count) : bytes_.substr(begin, count);
}

const Entry* File::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

void File::require_whole() const {
  const auto seal = metadata_.find(kSealKey);
  require(seal != metadata_.end() && seal->second.size() == kUnsealed.size(), source_,
          ": has no checksum: its header has no \"", kSealKey, '"');
  const std::string head = piece(0, data_begin_);
  const std::size_t place = head.find(seal->second);
  require(place != std::string::npos, source_, ": is damaged: its checksum cannot be found");
  Sha256 hash;
  hash.update(std::string_view(head).substr(0, place));
  hash.update(kUnsealed).update(std::string_view(head).substr(place + kUnsealed.size()));
  const std::uint64_t end = data_begin_ + (entries_.empty() ? 0 : entries_.back().end);
  for (std::uint64_t begin = data_begin_; begin < end; begin += kHashedBytes)
    hash.update(piece(begin, std::min(kHashedBytes, end - begin)));
  require(hash.hex_digest() == seal->second, source_, ": is damaged: its checksum is not that of its bytes");
}

bool File::is_float(Type type) {
  return type == Type::kF32 || type == Type::kF16 || type == Type::kBF16 || type == Type::kF64;
}

std::vector<float> File::floats(const Entry& entry) const {
  const FloatEnvironment numbers;
  require(is_float(entry.type), source_, ": tensor ", in_quotes(entry.name), ": expected F32, F16, BF16 or F64, got ",
          type_name(entry.type));
  const std::string bytes = bytes_of(entry);
  std::vector<float> values(bytes.size() / type_size(entry.type));
  switch (entry.type) {
    case Type::kF32:
      convert<float>(bytes, values, [](float v) { return v; });
      return values;
    case Type::kF16:
      convert<std::uint16_t>(bytes, values, from_f16);
      return values;
    case Type::kBF16:
      convert<std::uint16_t>(bytes, values, from_bf16);
      return values;
    case Type::kF64:
      convert<double>(bytes, values, [&](double v) {
        const bool fits = !std::isfinite(v) || std::abs(v) <= double{std::numeric_limits<float>::max()};
        require(fits, source_, ": tensor ", in_quotes(entry.name), ": the F64 value ", v, " is beyond float32's range");
        return static_cast<float>(v);
      });
      return values;
    default:
      return values;
  }
}

std::vector<std::int64_t> File::integers(const Entry& entry) const {
  require(entry.type == Type::kI64, source_, ": tensor ", in_quotes(entry.name), ": expected I64, got ",
          type_name(entry.type));
  std::vector<std::int64_t> values((entry.end - entry.begin) / sizeof(std::int64_t));
  convert<std::int64_t>(bytes_of(entry), values, [](std::int64_t v) { return v; });
  return values;
}

// ---- writing -------------------------------------------------------------------------------------------------------

namespace {

std::span<const std::byte> bytes_of(const Source& source) {
  return source.integers.empty() ? std::as_bytes(source.floats) : std::as_bytes(source.integers);
}

// 64-bit values first: with the header padded to 8 bytes, everything is aligned.
// (std::ranges::stable_partition would do, but clang 14, which builds the fuzzers, cannot compile it.)
std::vector<const Source*> in_order_of_places(std::span<const Source> sources) {
  std::vector<const Source*> order;
  for (const Source& source : sources) order.push_back(&source);
  std::stable_partition(order.begin(), order.end(), [](const Source* s) { return !s->integers.empty(); });
  return order;
}

std::string header_of(std::span<const Source* const> order, const Metadata& metadata) {
  Document::Map root;
  if (!metadata.empty()) {
    Document::Map texts;
    for (const auto& [key, value] : metadata) texts.push_back({key, value});
    root.push_back({std::string(kMetadataKey), Document::map(std::move(texts))});
  }
  std::uint64_t place = 0;
  for (const Source* source : order) {
    const auto count = static_cast<std::size_t>(element_count(source->shape));
    require(!source->name.empty() && source->name != kMetadataKey, "safetensors: a tensor cannot be called ",
            in_quotes(source->name));
    require(source->integers.size() + source->floats.size() == count &&
                (source->integers.empty() || source->floats.empty()),
            "safetensors: tensor ", in_quotes(source->name), ": shape ", source->shape, " needs ", count,
            " values, got ", source->integers.size() + source->floats.size());
    const std::uint64_t end = place + bytes_of(*source).size();
    Document shape = Document::list();
    for (const std::int64_t size : source->shape) shape.append(size);
    root.push_back({source->name, Document::map({{"dtype", source->integers.empty() ? "F32" : "I64"},
                                                 {"shape", std::move(shape)},
                                                 {"data_offsets", Document::list({place, end})}})});
    place = end;
  }
  std::string header = to_json(Document::map(std::move(root)));
  header.append((kLengthBytes - header.size() % kLengthBytes) % kLengthBytes, ' ');
  return header;
}

/// Puts the hash of the whole file where the header keeps zeros for it.
void seal(std::string& header, std::span<const Source* const> order) {
  const std::uint64_t length = header.size();
  Sha256 hash;
  hash.update(std::as_bytes(std::span(&length, 1))).update(header);
  for (const Source* source : order) hash.update(bytes_of(*source));
  const std::string place = text('"', kSealKey, "\": \"", kUnsealed);
  header.replace(header.find(place) + place.size() - kUnsealed.size(), kUnsealed.size(), hash.hex_digest());
}

}  // namespace

void write(const std::filesystem::path& path, std::span<const Source> sources, const Metadata& metadata,
           const WriteOptions& options) {
  const std::vector<const Source*> order = in_order_of_places(sources);
  Metadata all = metadata;
  if (options.sealed) all[kSealKey] = kUnsealed;
  std::string header = header_of(order, all);
  const std::uint64_t length = header.size();
  require(length <= kMaxHeaderBytes, path.string(), ": the header would have ", length, " bytes; at most ",
          kMaxHeaderBytes, " are allowed");
  if (options.sealed) seal(header, order);
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  for (const Source* source : order) file.write(bytes_of(*source));
  file.commit();
}

}  // namespace octet::safetensors
