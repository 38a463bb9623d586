// SPDX-License-Identifier: Apache-2.0
// The files of earlier releases (tests/data/compat/), and copies of them that say another version.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/nn/safetensors.h"

namespace octet::test {

inline std::filesystem::path earlier_file(const std::string& name) {
  return std::filesystem::path(OCTET_TEST_DATA) / "compat" / "0.1" / name;
}

inline std::string contents(const std::filesystem::path& path) { return read_file(path, 1 << 24); }

/// Copies a safetensors file with one entry of its metadata replaced or added; a seal is made anew.
inline void copy_with_metadata(const std::filesystem::path& from, const std::filesystem::path& to,
                               const std::string& key, const std::string& value) {
  const safetensors::File file = safetensors::File::read(from);
  safetensors::Metadata metadata = file.metadata();
  const bool sealed = metadata.erase("sha256") > 0;
  metadata[key] = value;
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<std::int64_t>> integers;
  for (const safetensors::Entry& entry : file.entries()) {
    const bool is_float = safetensors::File::is_float(entry.type);
    floats.push_back(is_float ? file.floats(entry) : std::vector<float>());
    integers.push_back(is_float ? std::vector<std::int64_t>() : file.integers(entry));
  }
  std::vector<safetensors::Source> sources;
  for (std::size_t i = 0; i < floats.size(); ++i)
    sources.push_back({file.entries()[i].name, file.entries()[i].shape, floats[i], integers[i]});
  safetensors::write(to, sources, metadata, {.sealed = sealed});
}

/// `text` with the one place of `what` replaced.
inline std::string with(std::string text, const std::string& what, const std::string& by) {
  const std::size_t place = text.find(what);
  require(place != std::string::npos, "there is no ", what);
  return text.replace(place, what.size(), by);
}

}  // namespace octet::test
