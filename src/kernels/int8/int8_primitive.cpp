// SPDX-License-Identifier: Apache-2.0
#include "octet/kernels/int8/int8_primitive.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <vector>

#include "octet/kernels/core/simd.h"
#include "octet/kernels/int8/int8_trial.h"

namespace octet::kernels {
namespace {

using dnnl::memory;

OCTET_CLONES void halve(std::int64_t n, const std::uint8_t* q, std::uint8_t* high, std::uint8_t* low) {
  for (std::int64_t i = 0; i < n; ++i) {
    high[i] = static_cast<std::uint8_t>(q[i] >> 1);
    low[i] = q[i] & 1U;
  }
}

OCTET_CLONES void join_halves(std::int64_t n, const std::int32_t* low, std::int32_t* acc) {
  for (std::int64_t i = 0; i < n; ++i) acc[i] = 2 * acc[i] + low[i];
}

// What a primitive finds in its scratchpad must not matter. The pool hands out this block next.
void spoil_scratchpad(const ConvPrimitive& conv) {
  const Buffer scratchpad(static_cast<std::int64_t>(conv.scratchpad.get_size()));
  std::fill_n(static_cast<std::uint8_t*>(scratchpad.data()), scratchpad.bytes(), std::uint8_t{0xA5});
}

bool computes_exactly(const Int8PrimitivePtr& primitive) {
  const Int8Primitive& p = *primitive;
  spoil_scratchpad(p.conv);
  const Int8Trial trial(p.layer, p.form.zero_point);
  const auto run = [&](auto rubbish) {  // in the results at first: where a primitive writes nothing, it is wrong
    std::vector<decltype(rubbish)> sums(static_cast<std::size_t>(p.layer.s.n * p.layer.out_image()), rubbish);
    PackedInt8Primitive(primitive, trial.zero_point, trial.w.data()).run(trial.x.data(), sums.data());
    return trial.passes([&](std::int64_t position, std::int64_t sum) {
      return sums[static_cast<std::size_t>(position)] == static_cast<decltype(rubbish)>(sum);
    });
  };
  return p.form.result == Int8Result::kFloat32 ? run(0.5F) : run(std::int32_t{1} << 30);
}

}  // namespace

Int8PrimitivePtr trusted_int8_primitive(const Int8LayerShape& layer, const Int8Form& form) {
  static Findings<std::pair<Int8LayerShape, Int8Form>, Int8PrimitivePtr> findings(kFoundPrimitives);
  return *findings.get({layer, form}, [&]() -> Int8PrimitivePtr {
    const SingleThread one;
    std::optional<ConvPrimitive> conv = make_int8_conv(layer.kind, layer.s, form.zero_point, form.result);
    if (!conv) return {};
    auto primitive = std::make_shared<const Int8Primitive>(Int8Primitive{layer, form, std::move(*conv)});
    try {
      return computes_exactly(primitive) ? primitive : nullptr;
    } catch (const dnnl::error&) {  // made, but not to be run: there are other ways
      return {};
    }
  });
}

// The memory objects of one run at a time; where source and destination lie is set for each.
class PackedInt8Primitive::Arguments {
 public:
  Arguments(const ConvPrimitive& conv, const void* packed_weights, std::int32_t zero_point)
      : zero_point_(zero_point),
        scratchpad_buffer_(static_cast<std::int64_t>(conv.scratchpad.get_size())),
        src_(conv.src, onednn_engine(), DNNL_MEMORY_NONE),
        weights_(wrap(conv.weights, packed_weights)),
        dst_(conv.dst, onednn_engine(), DNNL_MEMORY_NONE),
        scratchpad_(wrap(conv.scratchpad, scratchpad_buffer_.data())),
        zero_(wrap(memory::desc({1}, memory::data_type::s32, memory::format_tag::x), &zero_point_)) {}

  void execute(const Int8Primitive& p, const std::uint8_t* x, void* sums) {
    src_.set_data_handle(const_cast<std::uint8_t*>(x));
    dst_.set_data_handle(sums);
    const dnnl_exec_arg_t list[] = {{DNNL_ARG_SRC, src_.get()},
                                    {DNNL_ARG_WEIGHTS, weights_.get()},
                                    {DNNL_ARG_DST, dst_.get()},
                                    {DNNL_ARG_SCRATCHPAD, scratchpad_.get()},
                                    {DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC, zero_.get()}};
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(p.conv.primitive.get(), onednn_stream().get(), p.form.zero_point ? 5 : 4, list),
        "an int8 convolution failed");
    onednn_stream().wait();
  }

 private:
  const std::int32_t zero_point_;
  const Buffer scratchpad_buffer_;
  memory src_, weights_, dst_, scratchpad_, zero_;
};

// Arguments that wait for the next run.
class PackedInt8Primitive::ArgumentPool {
 public:
  // Null if none waits.
  std::unique_ptr<Arguments> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return nullptr;
    std::unique_ptr<Arguments> taken = std::move(free_.back());
    free_.pop_back();
    return taken;
  }
  void give_back(std::unique_ptr<Arguments> arguments) {
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(arguments));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Arguments>> free_;
};

Buffer pack_weights(const Int8Primitive& primitive, const std::int8_t* weights) {
  Buffer packed(static_cast<std::int64_t>(primitive.conv.weights.get_size()));
  reorder(int8_weight_desc(primitive.layer.kind, primitive.layer.s), weights, primitive.conv.weights, packed.data());
  return packed;
}

PackedInt8Primitive::PackedInt8Primitive(const Int8PrimitivePtr& primitive, std::int32_t zero_point,
                                         const std::int8_t* weights)
    : PackedInt8Primitive(primitive, zero_point, std::make_shared<const Buffer>(pack_weights(*primitive, weights))) {}

PackedInt8Primitive::PackedInt8Primitive(Int8PrimitivePtr primitive, std::int32_t zero_point,
                                         std::shared_ptr<const Buffer> packed)
    : primitive_(std::move(primitive)),
      zero_point_(zero_point),
      packed_(std::move(packed)),
      pool_(std::make_unique<ArgumentPool>()) {}

PackedInt8Primitive::~PackedInt8Primitive() = default;
PackedInt8Primitive::PackedInt8Primitive(PackedInt8Primitive&&) noexcept = default;

void PackedInt8Primitive::execute(const std::uint8_t* x, void* sums) const {
  std::unique_ptr<Arguments> arguments = pool_->take();
  if (!arguments) arguments = std::make_unique<Arguments>(primitive_->conv, packed_->data(), zero_point_);
  arguments->execute(*primitive_, x, sums);
  if (!primitive_->layer.plain()) clear_gaps(primitive_->layer.s, sums);
  pool_->give_back(std::move(arguments));
}

void PackedInt8Primitive::run(const std::uint8_t* x, void* sums) const {
  if (!primitive_->form.in_halves) return execute(x, sums);
  const Int8LayerShape& l = primitive_->layer;
  const std::int64_t inputs = l.s.n * l.in_image(), outputs = l.s.n * l.out_image();
  const Buffer halves(2 * inputs), low_sums(outputs * static_cast<std::int64_t>(sizeof(std::int32_t)));
  auto* const high = static_cast<std::uint8_t*>(halves.data());
  halve(inputs, x, high, high + inputs);
  execute(high, sums);
  execute(high + inputs, low_sums.data());
  join_halves(outputs, static_cast<const std::int32_t*>(low_sums.data()), static_cast<std::int32_t*>(sums));
}

}  // namespace octet::kernels
