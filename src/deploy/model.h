// SPDX-License-Identifier: Apache-2.0
// Runs ONNX models, int8 (QuantizeLinear/DequantizeLinear) and float, without the rest of the library:
//
//   const std::vector<float> logits = deploy::Model::load("resnet20_deploy_model.onnx").run(image);
//
// docs/numerics.md says which bits come out.
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

namespace octet::deploy {

/// One step of a plan, as `octet bench` shows it.
struct LayerTime {
  std::string name;              ///< as in the file, or of what was fused to it
  std::string operation;         ///< "conv2d int8 + add + relu + quantize"
  std::string implementation;    ///< oneDNN's name of the kernel, or "loop"
  double milliseconds = 0.0;     ///< median over the repetitions
  double giga_operations = 0.0;  ///< 2 per product
};

/// What a file may ask for, because a small one can declare large images.
struct ModelLimits {
  /// Memory that a run may take, its input and output included: of one input, or of the batch that the file says.
  /// Larger batches of a model for any batch are the caller's choice, and take as many times that.
  std::int64_t run_bytes = std::int64_t{4} << 30;
};

/// A model: Q/DQ folded away, what follows an int8 layer computed in its pass, weights packed once, and a plan for each
/// batch size and number of threads: steps, and buffers laid out by lifetime. Plans are made in their first run, which
/// makes no run of another size wait, and the latest are kept: up to 64 as long as they take no more than 64 MiB; the
/// last one stays in any case. A warm run of an int8 model allocates nothing but what it returns. One Model may be run
/// from many threads at once. After a fork() the child may run it, too, if no other thread was running it at that
/// moment.
class Model {
 public:
  /// Throws Error (file, node, rule) for files that are damaged or not supported, or ask for more than `limits`. What
  /// it takes is bounded by the size of the file; kernels are chosen and tried in the first run.
  static Model load(const std::filesystem::path& path, const ModelLimits& limits = {});
  /// The same from memory; `source` names the bytes in messages.
  static Model parse(std::string_view bytes, const std::string& source, const ModelLimits& limits = {});
  ~Model();
  Model(Model&&) noexcept;
  Model& operator=(Model&&) noexcept;

  /// Sizes of the input and the output; the first is -1 if any batch may be run.
  Shape input_shape() const;
  Shape output_shape() const;

  /// What the file says about the network.
  const std::map<std::string, std::string>& metadata() const;

  /// The output, row-major, for `batch` inputs one after the other, each row-major (an image: channels first). Throws
  /// Error if the values are not as many as that, or not finite where they are quantized.
  std::vector<float> run(std::span<const float> input, std::int64_t batch = 1) const;
  /// The same into `output`.
  void run(std::span<const float> input, std::int64_t batch, std::span<float> output) const;
  /// Plans for a batch now rather than in its first run.
  void prepare(std::int64_t batch) const;
  /// Bytes that a run for a batch takes, input and output included, besides the model; finds out without taking them.
  std::int64_t run_bytes(std::int64_t batch) const;

  /// Runs `repetitions` times and says where the time went.
  std::vector<LayerTime> profile(std::span<const float> input, std::int64_t batch, int repetitions) const;

 private:
  struct State;
  explicit Model(std::unique_ptr<State> state);
  template <typename F>
  static Model make(const std::string& source, const ModelLimits& limits, const F& read);
  std::unique_ptr<State> state_;
};

}  // namespace octet::deploy
