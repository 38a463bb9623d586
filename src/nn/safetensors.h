// SPDX-License-Identifier: Apache-2.0
// The safetensors file format: a JSON header of names, types, shapes and places, then the values, little-endian.
// Reading trusts nothing: every length, place and type is checked before it is used.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "octet/base/shape.h"

namespace octet {
class InputFile;
}

namespace octet::safetensors {

/// Element types of the format, all of which can be parsed; floats() and integers() say which can be read.
enum class Type { kBool, kU8, kI8, kF8E5M2, kF8E4M3, kU16, kI16, kF16, kBF16, kU32, kI32, kF32, kU64, kI64, kF64 };
/// "F32", "BF16", ...
std::string_view type_name(Type type);
/// Bytes of one element.
std::uint64_t type_size(Type type);

/// Headers are at most this long, as in the format's own implementation.
inline constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

/// Where a tensor is: bytes [begin, end) after the header.
struct Entry {
  std::string name;
  Type type;
  Shape shape;
  std::uint64_t begin, end;
};

using Metadata = std::map<std::string, std::string>;

/// A file whose header is parsed. Values are read when they are asked for: of a file on disk no more memory is taken
/// than its header and they need.
class File {
 public:
  /// Takes the bytes of a whole file; `source` names it in errors. Throws Error with the byte offset or the tensor's
  /// name for anything that the format does not allow: a header that is too long or no JSON of the right form,
  /// duplicate names, unknown types, sizes that overflow or disagree with the shape, overlaps, gaps, bytes left over.
  static File parse(std::string bytes, std::string source);
  /// The same for a file, whose header is judged before anything else is read. What is no safetensors file but of
  /// another common kind is called by its name. Throws Error also as InputFile does.
  static File read(const std::filesystem::path& path);

  /// In the order of their places in the file.
  const std::vector<Entry>& entries() const { return entries_; }
  const Metadata& metadata() const { return metadata_; }
  /// The entry of that name, or null.
  const Entry* find(std::string_view name) const;

  /// The file's name, for errors.
  const std::string& source() const { return source_; }
  /// Throws Error unless the file was written sealed (WriteOptions) and each of its bits is as it was then.
  void require_whole() const;

  /// True for F32, F16, BF16 and F64.
  static bool is_float(Type type);
  /// The values of a floating-point entry, row-major. F64 is rounded; throws Error for a finite value beyond float32's
  /// range, for other types, and if the file has become shorter.
  std::vector<float> floats(const Entry& entry) const;
  /// The values of an I64 entry. Throws Error for other types.
  std::vector<std::int64_t> integers(const Entry& entry) const;

 private:
  void parse_header(std::uint64_t size);
  std::string piece(std::uint64_t begin, std::uint64_t count) const;
  std::string bytes_of(const Entry& entry) const { return piece(data_begin_ + entry.begin, entry.end - entry.begin); }

  std::shared_ptr<const InputFile> file_;  ///< null: all lies in bytes_, which is empty otherwise; see piece()
  std::string bytes_, source_;
  std::uint64_t data_begin_ = 0;
  std::vector<Entry> entries_;
  std::map<std::string, std::size_t, std::less<>> index_;
  Metadata metadata_;
};

/// What to write: F32 from `floats`, or I64 from `integers`; exactly one of them holds element_count(shape) values.
struct Source {
  std::string name;
  Shape shape;
  std::span<const float> floats{};
  std::span<const std::int64_t> integers{};
};

struct WriteOptions {
  /// The metadata gets "sha256", the hash of all bytes of the file, its own digits taken as zeros. For files that
  /// nobody is meant to change, see File::require_whole().
  bool sealed = false;
};

/// Writes a file atomically. I64 come first, so that all values are aligned as the format asks; otherwise the order is
/// kept. The same input always gives the same bytes. Throws Error for an empty or repeated name.
void write(const std::filesystem::path& path, std::span<const Source> sources, const Metadata& metadata = {},
           const WriteOptions& options = {});

}  // namespace octet::safetensors
