// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/plan.h"

#include <algorithm>
#include <new>
#include <utility>

#include "octet/base/error.h"
#include "octet/kernels/channel_sums.h"
#include "octet/kernels/conv.h"
#include "octet/kernels/elementwise.h"
#include "octet/kernels/epilogue.h"
#include "octet/kernels/gemm.h"
#include "octet/kernels/int8_images.h"
#include "octet/kernels/int8_inference.h"
#include "octet/kernels/layout.h"
#include "octet/kernels/memory.h"
#include "octet/kernels/shape.h"

namespace octet::deploy {
namespace {

using Run = std::function<void(const Memory&)>;

// How steps find their tensors.
class Binder {
 public:
  Binder(const Program& program, const ArenaLayout& layout, SharedConstants& shared)
      : program_(program), layout_(layout), shared_(shared) {}

  BoundStep bind(const Step& step) {
    step_ = &step;
    bound_ = {step.name, step.operation, "loop", 0.0, 0, {}};
    bound_.run = std::visit([&](const auto& work) { return make(work); }, step.work);
    return std::move(bound_);
  }

  Run make_output(int tensor) const {
    const Real y = at<float>(tensor);
    const std::int64_t count = element_count(shape(tensor));
    if (shape(tensor).size() == 4) {
      const kernels::ImageBatch batch = images(shape(tensor));
      return [=](const Memory& m) { kernels::nhwc_to_nchw(batch, y(m), m.output); };
    }
    return [=](const Memory& m) { std::copy_n(y(m), count, m.output); };
  }

 private:
  // A tensor in a run's memory.
  template <typename T>
  struct At {
    std::int64_t offset, slice;  // bytes; from one slice to the next
    T* operator()(const Memory& m) const {
      return offset < 0 ? nullptr : reinterpret_cast<T*>(m.arena + (offset + m.slice * slice));
    }
  };
  using Real = At<float>;
  using Byte = At<std::uint8_t>;

  template <typename T>
  At<T> at(int tensor) const {
    if (tensor < 0) return {-1, 0};
    const TensorInfo& info = program_.tensors[static_cast<std::size_t>(tensor)];
    return {layout_.offsets[static_cast<std::size_t>(tensor)], info.part ? info.bytes() : 0};
  }
  Real real_input(std::size_t i = 0) const { return at<float>(step_->inputs[i].tensor); }
  Byte byte_input(std::size_t i = 0) const { return at<std::uint8_t>(step_->inputs[i].tensor); }
  Real real_output() const { return at<float>(step_->output); }
  Byte byte_output() const { return at<std::uint8_t>(step_->output); }
  const Shape& shape(int tensor) const { return program_.tensors[static_cast<std::size_t>(tensor)].shape; }
  const Shape& input_shape() const { return shape(step_->inputs[0].tensor); }
  const Shape& output_shape() const { return shape(step_->output); }
  std::int64_t output_count() const { return element_count(output_shape()); }
  static kernels::ImageBatch images(const Shape& s) { return {s[0], s[1], s[2] * s[3]}; }
  static kernels::Rows rows(const Shape& s) {
    const std::int64_t channels = s.size() == 4 ? s[1] : s.back();
    return {channels == 0 ? 0 : element_count(s) / channels, channels};
  }

  Run make(const LoadInput&) const {
    const Real y = real_output();
    const std::int64_t count = output_count();
    if (output_shape().size() == 4) {
      const kernels::ImageBatch batch = images(output_shape());
      return [=](const Memory& m) { kernels::nchw_to_nhwc(batch, m.input + m.slice * count, y(m)); };
    }
    return [=](const Memory& m) { std::copy_n(m.input + m.slice * count, count, y(m)); };
  }

  Run make(const Quantize& work) const {
    const Byte q = byte_output();
    constexpr const char* kWhat = "a value that is to be quantized is not finite";
    const std::int64_t count = output_count();
    if (work.from_input) {
      const kernels::ImageBatch batch = images(output_shape());
      return [=](const Memory& m) {
        require(kernels::quantize_nchw(batch, work.scale, m.input + m.slice * count, q(m)), kWhat);
      };
    }
    const Real x = real_input();
    return [=](const Memory& m) { require(kernels::quantize(count, work.scale, x(m), q(m)), kWhat); };
  }

  Run make(const Dequantize&) const {
    const Byte q = byte_input();
    const Real y = real_output();
    const std::int64_t count = output_count();
    return [=, scale = *step_->inputs[0].scale](const Memory& m) { kernels::dequantize(count, scale, q(m), y(m)); };
  }

  Run make(const Int8Conv& work) {
    const kernels::ConvShape& s = work.shape;
    const auto layer = std::make_shared<const kernels::Int8Layer>(
        s, work.transposed, shared_.int8_layer(step_->inputs[0].scale->zero_point, work.weights, work.epilogue));
    bound_.bytes = layer->own_bytes();
    bound_.implementation = layer->implementation();
    bound_.giga_operations = operations(s);
    const Byte x = byte_input(), q = at<std::uint8_t>(step_->quantized_output),
               residual = at<std::uint8_t>(step_->inputs.size() > 1 ? step_->inputs[1].tensor : -1);
    const Real y = real_output();
    return [=](const Memory& m) { layer->run(x(m), {residual(m), y(m), q(m)}); };
  }

  static double operations(const kernels::ConvShape& s) {
    return 2e-9 * static_cast<double>(s.n * s.oh * s.ow) * static_cast<double>(s.weight_count());
  }

  Run make(const FloatConv& work) {
    bound_.implementation = "float32";
    bound_.giga_operations = operations(work.shape);
    const Real x = real_input(), y = real_output();
    const auto pass = work.transposed ? kernels::ConvPass::kBackwardData : kernels::ConvPass::kForward;
    const bool adds_bias = !work.transposed && !work.bias.empty();
    const auto conv =
        std::make_shared<const kernels::PackedConv>(pass, work.shape, shared_.conv_weights(work.weights), adds_bias);
    bound_.bytes = 4 * std::ssize(work.bias);
    const kernels::Rows pixels{work.shape.n * work.shape.h * work.shape.w, work.shape.ci};
    return [=, bias = work.bias, transposed = work.transposed](const Memory& m) {
      conv->run(x(m), adds_bias ? bias.data() : nullptr, y(m));
      if (transposed && !bias.empty()) kernels::add_channels(pixels, bias.data(), y(m));
    };
  }

  Run make(const FloatLinear& work) {
    bound_.implementation = "float32";
    bound_.giga_operations = 2e-9 * static_cast<double>(work.rows * work.in * work.out);
    const Real x = real_input(), y = real_output();
    const auto layer = std::make_shared<const FloatLinear>(work);
    return [=](const Memory& m) {
      kernels::linear_forward({layer->rows, layer->in, layer->out}, x(m), layer->weights->data(), y(m));
      if (!layer->bias.empty()) kernels::add_channels({layer->rows, layer->out}, layer->bias.data(), y(m));
    };
  }

  Run make(const Clip& work) const {
    const Real x = real_input(), y = real_output();
    const std::int64_t count = output_count();
    if (work.low == 0.0F && work.high == 6.0F)
      return [=](const Memory& m) { kernels::relu6_forward(count, x(m), y(m)); };
    if (work.low == 0.0F && work.high > 3e38F)
      return [=](const Memory& m) { kernels::epilogue_forward({count, 1}, {{.x = x(m)}, {}}, true, y(m)); };
    return [=](const Memory& m) {
      const float* const from = x(m);
      float* const to = y(m);
      for (std::int64_t i = 0; i < count; ++i)
        to[i] = from[i] < work.low ? work.low : from[i] > work.high ? work.high : from[i];
    };
  }

  Run make(const Add&) const {
    const Real a = real_input(0), b = real_input(1), y = real_output();
    const std::int64_t count = output_count();
    return [=](const Memory& m) { kernels::epilogue_forward({count, 1}, {{.x = a(m)}, {.x = b(m)}}, false, y(m)); };
  }

  Run make(const BatchNorm& work) const {
    const Real x = real_input(), y = real_output();
    const kernels::Rows pixels = rows(output_shape());
    const auto norm = std::make_shared<const BatchNorm>(work);
    return [=](const Memory& m) {
      kernels::epilogue_forward(
          pixels,
          {{.x = x(m), .mean = norm->mean.data(), .scale = norm->scale.data(), .shift = norm->shift.data()}, {}}, false,
          y(m));
    };
  }

  Run make(const MaxPool& work) const {
    if (step_->inputs[0].scale) {
      const Byte x = byte_input(), y = byte_output();
      return [=, s = work.shape](const Memory& m) { kernels::max_pool_u8(s, x(m), y(m)); };
    }
    const Real x = real_input(), y = real_output();
    return [=, s = work.shape](const Memory& m) { kernels::max_pool_forward(s, x(m), y(m), nullptr); };
  }

  Run make(const AveragePool& work) const {
    const Real x = real_input(), y = real_output();
    return [=, s = work.shape](const Memory& m) { kernels::avg_pool_forward(s, x(m), y(m)); };
  }

  Run make(const Concat& work) const {
    const std::int64_t pitch = work.outer == 0 ? 0 : output_count() / work.outer;
    std::vector<std::int64_t> widths;
    for (const Operand& operand : step_->inputs)
      widths.push_back(work.outer == 0 ? 0 : element_count(shape(operand.tensor)) / work.outer);
    if (step_->inputs[0].scale) return join<std::uint8_t>(work.outer, pitch, widths, kernels::copy_byte_rows);
    return join<float>(work.outer, pitch, widths, kernels::copy_rows);
  }

  template <typename T, typename Copy>
  Run join(std::int64_t rows, std::int64_t pitch, const std::vector<std::int64_t>& widths, Copy copy) const {
    std::vector<std::pair<At<T>, std::int64_t>> parts;
    for (std::size_t i = 0; i < widths.size(); ++i) parts.emplace_back(at<T>(step_->inputs[i].tensor), widths[i]);
    return [=, to = at<T>(step_->output)](const Memory& m) {
      T* y = to(m);
      for (const auto& [from, width] : parts) {
        copy({rows, width, width, pitch}, from(m), y);
        y += width;
      }
    };
  }

  Run make(const ToRowMajor&) const {
    const kernels::ImageBatch batch = images(input_shape());
    if (step_->inputs[0].scale) {
      const Byte x = byte_input(), y = byte_output();
      return [=](const Memory& m) { kernels::nhwc_to_nchw_u8(batch, x(m), y(m)); };
    }
    const Real x = real_input(), y = real_output();
    return [=](const Memory& m) { kernels::nhwc_to_nchw(batch, x(m), y(m)); };
  }

  Run make(const ToChannelsLast&) const {
    const Shape& s = output_shape();
    if (step_->inputs[0].scale) {  // the other way round: pixels take the place of channels
      const Byte x = byte_input(), y = byte_output();
      const kernels::ImageBatch batch{s[0], s[2] * s[3], s[1]};
      return [=](const Memory& m) { kernels::nhwc_to_nchw_u8(batch, x(m), y(m)); };
    }
    const Real x = real_input(), y = real_output();
    const kernels::ImageBatch batch = images(s);
    return [=](const Memory& m) { kernels::nchw_to_nhwc(batch, x(m), y(m)); };
  }

  const Program& program_;
  const ArenaLayout& layout_;
  SharedConstants& shared_;
  const Step* step_ = nullptr;
  BoundStep bound_;
};

}  // namespace

Plan::Plan(const Program& program, SharedConstants& shared)
    : sliced_steps_(program.sliced_steps), slices_(program.slices) {
  const ArenaLayout layout = lay_out(program);
  arena_bytes_ = layout.bytes;
  if (const Step* const largest = largest_step(program)) largest_ = largest->name;
  output_shape_ = program.tensors[static_cast<std::size_t>(program.output)].shape;
  Binder binder(program, layout, shared);
  for (const Step& step : program.steps) {
    const ContextScope scope(step.name);
    steps_.push_back(binder.bind(step));
    if (steps_.size() <= sliced_steps_) steps_.back().giga_operations *= static_cast<double>(slices_);
  }
  steps_.push_back({"output", "store", "loop", 0.0, 0, binder.make_output(program.output)});
  constexpr std::size_t kClosure = 256;
  for (const BoundStep& step : steps_)
    own_bytes_ += step.bytes + static_cast<std::int64_t>(sizeof step + kClosure + step.name.size() +
                                                         step.operation.size() + step.implementation.size());
}

void Plan::run_step(const BoundStep& step, const Memory& memory) {
  const ContextScope scope(step.name);
  try {
    step.run(memory);
  } catch (const std::bad_alloc&) {
    fail("out of memory");
  }
}

kernels::Buffer Plan::make_arena() const {
  const ContextScope scope(largest_);
  return kernels::Buffer(arena_bytes_);
}

void Plan::run(const float* input, float* output) const {
  const kernels::Buffer arena = make_arena();
  run_steps({static_cast<std::byte*>(arena.data()), input, output}, [](std::size_t) {});
}

const Step* largest_step(const Program& program) {
  const auto bytes = [&](const Step& step) {
    std::int64_t sum = 0;
    for (const int tensor : {step.output, step.quantized_output})
      if (tensor >= 0) sum += program.tensors[static_cast<std::size_t>(tensor)].bytes();
    return sum;
  };
  const auto largest = std::ranges::max_element(program.steps, {}, bytes);
  return largest == program.steps.end() ? nullptr : &*largest;
}

}  // namespace octet::deploy
