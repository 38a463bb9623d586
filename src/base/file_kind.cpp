// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file_kind.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

using namespace std::string_view_literals;

struct Kind {
  std::string_view name;
  /// What to do with it where weights, or an ONNX model, are wanted.
  std::string_view for_weights = ""sv, for_onnx = ""sv;
};

constexpr Kind kEmpty = {"an empty file"};
constexpr Kind kOnnx = {"an ONNX model", "octet eval, run and bench take it as it is"};
constexpr Kind kSafetensors = {"safetensors weights", "",
                               "octet deploy writes an ONNX model from a run of octet retrain"};
constexpr Kind kPyTorch = {
    "a PyTorch checkpoint",
    "save its tensors in Python: safetensors.torch.save_file(torch.load(\"it\", weights_only=True), "
    "\"weights.safetensors\")",
    "export the model in Python with torch.onnx.export"};
constexpr Kind kPickle = {"a Python pickle, perhaps a PyTorch checkpoint", kPyTorch.for_weights, kPyTorch.for_onnx};
constexpr std::string_view kFromKeras = "export the model with tf2onnx";
constexpr std::string_view kKerasWeights =
    "load it in Python and save its arrays with safetensors.numpy.save_file, in the shapes that PyTorch has";
constexpr Kind kKeras = {"a Keras model", kKerasWeights, kFromKeras};
constexpr Kind kHdf5 = {"an HDF5 file, perhaps Keras weights", kKerasWeights, kFromKeras};
constexpr Kind kNumPy = {"a NumPy file", "save its arrays in Python with safetensors.numpy.save_file"};
constexpr Kind kTensorFlow = {"a TensorFlow SavedModel", kKerasWeights, kFromKeras};
constexpr Kind kTfLite = {"a TensorFlow Lite model", "", "tf2onnx converts it (--tflite)"};
constexpr Kind kGguf = {"a GGUF model", ""};
constexpr std::string_view kDownload = "download it again, and look at what the server says";
constexpr Kind kHtml = {"a web page, perhaps instead of a download", kDownload, kDownload};
constexpr Kind kXml = {"an XML file", ""};
constexpr std::string_view kPull = "`git lfs pull` in its repository fetches the file itself";
constexpr Kind kLfs = {"a Git LFS pointer, not the file it stands for", kPull, kPull};
constexpr std::string_view kUnpack = "unpack it first";
constexpr Kind kGzip = {"a gzip file", kUnpack, kUnpack}, kTar = {"a tar archive", kUnpack, kUnpack},
               kZip = {"a zip archive", kUnpack, kUnpack}, kPacked = {"a packed file", kUnpack, kUnpack};
constexpr Kind kImage = {"an image", ""};
constexpr Kind kGif = {"a GIF image", ""}, kWebp = {"a WebP image", ""}, kTiff = {"a TIFF image", ""},
               kHeif = {"a HEIF or AVIF image", ""};
constexpr Kind kIdx = {"an IDX file, such as MNIST's images or labels", ""};
constexpr std::string_view kTrain = "an experiment's network is in the run directory that octet train makes";
constexpr Kind kJson = {"a JSON file", kTrain}, kText = {"a text file", kTrain};

/// What begins with a fixed text.
struct Magic {
  std::string_view start;
  const Kind& kind;
};
constexpr Magic kMagic[] = {{"\x89HDF\r\n\x1A\n"sv, kHdf5},
                            {"\x93NUMPY"sv, kNumPy},
                            {"GGUF"sv, kGguf},
                            {"version https://git-lfs.github.com/spec/"sv, kLfs},
                            {"\x1F\x8B"sv, kGzip},
                            {"BZh"sv, kPacked},
                            {"\xFD\x37zXZ\0"sv, kPacked},
                            {"\x28\xB5\x2F\xFD"sv, kPacked},
                            {"7z\xBC\xAF\x27\x1C"sv, kPacked},
                            {"\x89PNG\r\n"sv, kImage},
                            {"\xFF\xD8\xFF"sv, kImage},
                            {"GIF8"sv, kGif},
                            {"II*\0"sv, kTiff},
                            {"MM\0*"sv, kTiff},
                            {"\0\0\x08\x01"sv, kIdx},
                            {"\0\0\x08\x03"sv, kIdx},
                            {"\0\0\x08\x04"sv, kIdx}};

std::uint8_t byte_at(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }

bool contains(std::string_view bytes, std::string_view part) { return bytes.find(part) != bytes.npos; }

/// PyTorch writes zip archives since 1.6, Keras since 2.13, and NumPy its .npz.
const Kind& kind_of_zip(std::string_view start) {
  if (contains(start, "data.pkl") || contains(start, "/byteorder") || contains(start, "constants.pkl")) return kPyTorch;
  if (contains(start, ".npy")) return kNumPy;
  return contains(start, "metadata.json") || contains(start, "config.json") ? kKeras : kZip;
}

bool is_onnx(std::string_view start) {
  // Protobuf: field 1, ir_version, which is 3 to some tens; then one of the fields of ModelProto.
  constexpr std::string_view kFields = "\x12\x1A\x22\x28\x32\x3A\x42\x72";
  return start.size() >= 3 && start[0] == '\x08' && byte_at(start, 1) >= 3 && byte_at(start, 1) < 64 &&
         contains(kFields, start.substr(2, 1));
}

bool is_safetensors(std::string_view start) {
  constexpr std::uint64_t kMostHeaderBytes = 100'000'000;
  std::uint64_t header = 0;
  if (start.size() < sizeof header + 1) return false;
  std::memcpy(&header, start.data(), sizeof header);
  return header >= 2 && header <= kMostHeaderBytes && start[sizeof header] == '{';
}

bool starts_without_case(std::string_view text, std::string_view start) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return text.size() >= start.size() && std::ranges::equal(text.substr(0, start.size()), start, {}, lower);
}

const Kind* kind_of_text(std::string_view start) {
  if (start.starts_with("\xEF\xBB\xBF")) start.remove_prefix(3);
  const std::size_t first = start.find_first_not_of(" \t\r\n");
  if (first == start.npos) return nullptr;
  const std::string_view text = start.substr(first);
  for (const std::string_view html : {"<!doctype html", "<html", "<head", "<body"})
    if (starts_without_case(text, html)) return &kHtml;
  if (text.starts_with("<?xml")) return &kXml;
  // The end of `start` may cut a character.
  const std::size_t invalid = invalid_utf8_at(text);
  const bool utf8 = invalid == text.npos || (start.size() >= kKindBytes - 3 && text.size() - invalid < 4);
  const auto unprintable = [](char c) {
    return static_cast<std::uint8_t>(c) < 0x20 && c != '\t' && c != '\r' && c != '\n';
  };
  if (!utf8 || std::ranges::any_of(text, unprintable)) return nullptr;
  return text.starts_with('{') || text.starts_with('[') ? &kJson : &kText;
}

const Kind* kind_of(std::string_view start) {
  constexpr std::size_t kTarMark = 257;
  if (start.empty()) return &kEmpty;
  if (is_safetensors(start)) return &kSafetensors;
  for (const Magic& magic : kMagic)
    if (start.starts_with(magic.start)) return &magic.kind;
  if (start.starts_with("PK\3\4")) return &kind_of_zip(start);
  if (start.size() >= 8 && start.substr(4, 4) == "TFL3") return &kTfLite;
  if (start.size() >= 12 && start.starts_with("RIFF") && start.substr(8, 4) == "WEBP") return &kWebp;
  if (start.size() >= 12 && start.substr(4, 4) == "ftyp") return &kHeif;
  if (start.size() >= 2 && start[0] == '\x80' && byte_at(start, 1) >= 2 && byte_at(start, 1) <= 5) return &kPickle;
  if (start.starts_with("BM") && start.size() >= 10 && start.substr(6, 4) == "\0\0\0\0"sv) return &kImage;
  if (start.starts_with("\x08\x01\x12")) return &kTensorFlow;
  if (start.size() > kTarMark && start.substr(kTarMark).starts_with("ustar")) return &kTar;
  if (is_onnx(start)) return &kOnnx;
  return kind_of_text(start);
}

/// What helps whatever was wanted.
std::string_view advice_for_data(const Kind& kind) {
  return &kind == &kLfs || &kind == &kHtml ? kind.for_weights : std::string_view();
}

}  // namespace

std::string wrong_file(std::string_view start, WantedFile wanted) {
  const Kind* const kind = kind_of(start.substr(0, kKindBytes));
  if (!kind) return "";
  const auto answer = [&](std::string_view name, std::string_view advice) {
    return text("this is ", kind->name, ", not ", name, advice.empty() ? "" : "; ", advice);
  };
  switch (wanted) {
    case WantedFile::kSafetensors:
      return kind == &kSafetensors ? "" : answer(kSafetensors.name, kind->for_weights);
    case WantedFile::kOnnx:
      return kind == &kOnnx ? "" : answer(kOnnx.name, kind->for_onnx);
    case WantedFile::kExperiment:
      return kind == &kText || kind == &kJson || kind == &kEmpty ? "" : answer("an experiment in YAML", "");
    case WantedFile::kImage:
      return kind == &kImage ? "" : answer("a PNG, JPEG or BMP image", advice_for_data(*kind));
    case WantedFile::kIdx:
      break;
  }
  return kind == &kIdx ? "" : answer("an IDX file", advice_for_data(*kind));
}

}  // namespace octet
