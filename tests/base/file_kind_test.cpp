// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file_kind.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

using namespace std::string_literals;

/// The kind as weights are wanted, and as an ONNX model is.
std::string for_weights(const std::string& start) { return wrong_file(start, WantedFile::kSafetensors); }
std::string for_onnx(const std::string& start) { return wrong_file(start, WantedFile::kOnnx); }

const std::string kWeights = "\x10\0\0\0\0\0\0\0{\"w\": {}}       "s;
const std::string kModel = "\x08\x08\x12\x07pytorch\x1A\x05"s;

TEST(WrongFile, SaysNothingOfWhatIsWantedOrNotKnown) {
  EXPECT_EQ(for_weights(kWeights), "");
  EXPECT_EQ(for_onnx(kModel), "");
  for (const std::string& unknown : {"\x01\x02\x03\x04"s, "\0\0\0\0\0\0\0\0\0\0"s, "\xFF\xFE"s}) {
    EXPECT_EQ(for_weights(unknown), "");
    EXPECT_EQ(for_onnx(unknown), "");
  }
}

TEST(WrongFile, SaysWhichCommandTakesTheFile) {
  EXPECT_EQ(for_weights(kModel),
            "this is an ONNX model, not safetensors weights; octet eval, run and bench take it as it is");
  EXPECT_EQ(for_onnx(kWeights),
            "this is safetensors weights, not an ONNX model; octet deploy writes an ONNX model from a run of octet "
            "retrain");
}

TEST(WrongFile, SaysHowToConvertIt) {
  const std::string torch = "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10\0\x12\0archive/data.pkl"s;
  EXPECT_EQ(for_weights(torch),
            "this is a PyTorch checkpoint, not safetensors weights; save its tensors in Python: "
            "safetensors.torch.save_file(torch.load(\"it\", weights_only=True), \"weights.safetensors\")");
  EXPECT_EQ(for_onnx(torch),
            "this is a PyTorch checkpoint, not an ONNX model; export the model in Python with torch.onnx.export");
}

TEST(WrongFile, KnowsTheUsualKinds) {
  const struct {
    std::string start, name;
  } cases[] = {
      {"", "an empty file"},
      {"\x80\x02\x8A\x0Al\xFC\x9C\x46\xF9 j\xA8P\x19."s, "a Python pickle, perhaps a PyTorch checkpoint"},
      {"PK\3\4 resnet/byteorder", "a PyTorch checkpoint"},
      {"PK\3\4 metadata.json", "a Keras model"},
      {"PK\3\4 arr_0.npy", "a NumPy file"},
      {"PK\3\4 readme.txt", "a zip archive"},
      {"\x89HDF\r\n\x1A\n"s, "an HDF5 file, perhaps Keras weights"},
      {"\x93NUMPY\1\0"s, "a NumPy file"},
      {"\x08\x01\x12\x80"s, "a TensorFlow SavedModel"},
      {"\x1C\0\0\0TFL3"s, "a TensorFlow Lite model"},
      {"GGUF\3"s, "a GGUF model"},
      {"\n<!doctype HTML>\n<html>", "a web page, perhaps instead of a download"},
      {"<html lang=\"en\">", "a web page, perhaps instead of a download"},
      {"<?xml version=\"1.0\"?>", "an XML file"},
      {"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer, not the file it stands for"},
      {"\x1F\x8B\x08"s, "a gzip file"},
      {std::string(257, '\0') + "ustar", "a tar archive"},
      {"\x28\xB5\x2F\xFD\x04"s, "a packed file"},
      {"\x89PNG\r\n\x1A\n"s, "an image"},
      {"\xFF\xD8\xFF\xE0"s, "an image"},
      {"\0\0\x08\3\0\0\xEA\x60"s, "an IDX file, such as MNIST's images or labels"},
      {"{\"weights\": []}", "a JSON file"},
      {"\xEF\xBB\xBFname: caf\xC3\xA9\n", "a text file"},
      {std::string(511, 'a') + "\xC3\xA9", "a text file"},
  };
  for (const auto& c : cases) {
    EXPECT_TRUE(for_weights(c.start).starts_with("this is " + c.name + ", not safetensors weights"))
        << c.name << " | " << for_weights(c.start);
    EXPECT_TRUE(for_onnx(c.start).starts_with("this is " + c.name + ", not an ONNX model"))
        << c.name << " | " << for_onnx(c.start);
  }
}

TEST(WrongFile, TakesAnyTextForAnExperiment) {
  const auto for_experiment = [](std::string_view start) { return wrong_file(start, WantedFile::kExperiment); };
  for (const char* const text : {"name: a\n", "{\"name\": 1}", "", "\xEF\xBB\xBFname: a\n"})
    EXPECT_EQ(for_experiment(text), "") << text;
  EXPECT_EQ(for_experiment("\x89PNG\r\n\x1A\n"), "this is an image, not an experiment in YAML");
  EXPECT_EQ(for_experiment("<html>"), "this is a web page, perhaps instead of a download, not an experiment in YAML");
}

TEST(WrongFile, SaysWhatDataIsThatIsNotRead) {
  const auto for_image = [](std::string_view start) { return wrong_file(start, WantedFile::kImage); };
  const auto for_idx = [](std::string_view start) { return wrong_file(start, WantedFile::kIdx); };
  for (const std::string& read : {"\x89PNG\r\n\x1A\n"s, "\xFF\xD8\xFF\xE0"s, "BM\x46\1\0\0\0\0\0\0"s})
    EXPECT_EQ(for_image(read), "");
  EXPECT_EQ(for_idx("\0\0\x08\1\0\0\0\1"s), "");
  EXPECT_EQ(for_image("RIFF\x10\0\0\0WEBPVP8 "s), "this is a WebP image, not a PNG, JPEG or BMP image");
  EXPECT_EQ(for_image("GIF89a"), "this is a GIF image, not a PNG, JPEG or BMP image");
  EXPECT_EQ(for_image("II*\0\x08\0\0\0"s), "this is a TIFF image, not a PNG, JPEG or BMP image");
  EXPECT_EQ(for_image("\0\0\0\x18"
                      "ftypheic"s),
            "this is a HEIF or AVIF image, not a PNG, JPEG or BMP image");
  EXPECT_EQ(
      for_image("version https://git-lfs.github.com/spec/v1\n"),
      "this is a Git LFS pointer, not the file it stands for, not a PNG, JPEG or BMP image; `git lfs pull` in its "
      "repository fetches the file itself");
  EXPECT_EQ(for_idx("\x89PNG\r\n\x1A\n"), "this is an image, not an IDX file");
}

}  // namespace
}  // namespace octet
