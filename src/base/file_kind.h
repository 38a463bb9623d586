// SPDX-License-Identifier: Apache-2.0
// What a file is, told by its first bytes: for messages to people who gave the wrong one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace octet {

/// So many bytes of a file tell its kind.
inline constexpr std::size_t kKindBytes = 512;

/// What a file should have been: an experiment any text, an image PNG, JPEG or BMP.
enum class WantedFile { kSafetensors, kOnnx, kExperiment, kImage, kIdx };

/// "this is an ONNX model, not safetensors weights; octet eval, run and bench take it as it is" for the common kinds of
/// files, from the first kKindBytes bytes (or all) of one; "" for a kind that is not known, and for what is wanted.
std::string wrong_file(std::string_view start, WantedFile wanted);

}  // namespace octet
