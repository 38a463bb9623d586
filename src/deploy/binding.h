// SPDX-License-Identifier: Apache-2.0
// How a step finds its tensors in the memory of a run. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "octet/base/shape.h"
#include "octet/deploy/program.h"
#include "octet/kernels/float/layout.h"

namespace octet::deploy {

/// Where one run finds its values.
struct Memory {
  std::byte* arena;
  const float* input;
  float* output;
  std::int64_t slice = 0;  ///< that is computed
};

/// A tensor in a run's memory; null if the step has none there.
template <typename T>
struct At {
  std::int64_t offset, slice;  ///< bytes; from one slice to the next
  T* operator()(const Memory& m) const {
    return offset < 0 ? nullptr : reinterpret_cast<T*>(m.arena + (offset + m.slice * slice));
  }
};
using Real = At<float>;
using Byte = At<std::uint8_t>;

/// Where each storage lies in the arena: those that are alive at the same time do not overlap.
struct ArenaLayout {
  std::vector<std::int64_t> offsets;  ///< per tensor
  std::int64_t bytes = 0;
};

/// One step on its way into a plan.
class Binding {
 public:
  Binding(const Program& program, const ArenaLayout& layout, SharedConstants& shared, const Step& step)
      : program_(program), layout_(layout), shared_(shared), step_(step) {}

  const Step& step() const { return step_; }
  SharedConstants& shared() const { return shared_; }

  Real real_input(std::size_t i = 0) const { return input<float>(i); }
  Byte byte_input(std::size_t i = 0) const { return input<std::uint8_t>(i); }
  Real real_output() const { return at<float>(step_.output); }
  Byte byte_output() const { return at<std::uint8_t>(step_.output); }
  Byte quantized_output() const { return at<std::uint8_t>(step_.quantized_output); }
  template <typename T>
  At<T> input(std::size_t i) const {
    return at<T>(i < step_.inputs.size() ? step_.inputs[i].tensor : -1);
  }
  template <typename T>
  At<T> at(int tensor) const {
    if (tensor < 0) return {-1, 0};
    const TensorInfo& info = program_.tensors[static_cast<std::size_t>(tensor)];
    return {layout_.offsets[static_cast<std::size_t>(tensor)], info.part ? info.bytes() : 0};
  }

  const Shape& input_shape(std::size_t i = 0) const { return shape(step_.inputs[i].tensor); }
  const Shape& output_shape() const { return shape(step_.output); }
  std::int64_t output_count() const { return element_count(output_shape()); }
  /// Whether input i is u8.
  bool reads_bytes(std::size_t i = 0) const { return step_.inputs[i].scale.has_value(); }

  std::string implementation = "loop";  ///< what runs it, for people
  double giga_operations = 0.0;
  std::int64_t bytes = 0;  ///< that it takes for itself, about; weights belong to the model

 private:
  const Shape& shape(int tensor) const { return program_.tensors[static_cast<std::size_t>(tensor)].shape; }

  const Program& program_;
  const ArenaLayout& layout_;
  SharedConstants& shared_;
  const Step& step_;
};

/// 4-D tensors as kernels see them.
inline kernels::ImageBatch images(const Shape& s) { return {s[0], s[1], s[2] * s[3]}; }

/// What runs a step, for each kind of work that fusion looks into.
Run bind(const LoadInput& work, Binding& at);
Run bind(const Quantize& work, Binding& at);
Run bind(const Dequantize& work, Binding& at);
Run bind(const Int8Conv& work, Binding& at);
Run bind(const Clip& work, Binding& at);
Run bind(const Add& work, Binding& at);
inline Run bind(const Computation& work, Binding& at) { return work.bind(at); }

}  // namespace octet::deploy
