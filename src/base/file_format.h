// SPDX-License-Identifier: Apache-2.0
// The kinds of files that Octet writes, and their versions. A file says its own as "octet weights 1". One that says
// nothing is of the first version: files of release 0.1 said nothing, most of them.
//
// Whoever changes what a file holds raises its version here and keeps reading the old ones; tests/data/compat/ holds
// files of each release, which have to mean the same for ever. Of checkpoints alone old versions may be dropped.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace octet {

struct FileFormat {
  std::string_view name;    ///< "octet weights"
  std::int64_t newest;      ///< the version that is written, and the newest that can be read
  std::int64_t oldest = 1;  ///< the oldest that can be read
};

inline constexpr FileFormat kWeightsFormat = {"octet weights", 1};
/// 4 says under which numerics the run computes.
inline constexpr FileFormat kCheckpointFormat = {"octet checkpoint", 4, 3};
inline constexpr FileFormat kExperimentFormat = {"octet experiment", 1};
inline constexpr FileFormat kManifestFormat = {"octet manifest", 1};
inline constexpr FileFormat kLogFormat = {"octet log", 1};
/// ONNX files: float, deployed, fake-quantized.
inline constexpr FileFormat kModelFormat = {"octet model", 1};
inline constexpr FileFormat kRecordFormat = {"octet record", 1};
/// The quantization configuration, which says its version as that of Huawei's AMCT does, "version": 1.
inline constexpr FileFormat kQuantConfigFormat = {"octet quantization configuration", 1};
inline constexpr FileFormat kReportFormat = {"octet report", 1};
inline constexpr FileFormat kBenchFormat = {"octet bench", 1};

/// The version of what training computes (docs/numerics.md, "Versions"), which a run keeps from its first step to its
/// last. Raised by whoever changes a bit of it.
inline constexpr std::int64_t kNumericsVersion = 1;

/// Where documents of Octet's own, and checkpoints, say their format.
inline constexpr const char* kFormatKey = "format";
/// Where files of a kind that others write, too, say it: the metadata of weights and of ONNX files.
inline constexpr const char* kOctetFormatKey = "octet_format";

/// "octet weights 1".
std::string to_text(const FileFormat& format);

/// Whether `said` is a version of this kind that is newer than this program knows.
bool is_newer(const FileFormat& format, std::string_view said);

/// Throws Error unless `said`, what a file says of itself, is a version of this kind that can be read. `source` names
/// the file.
void require_readable(const FileFormat& format, std::string_view said, std::string_view source);

}  // namespace octet
