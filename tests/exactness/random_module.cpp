// SPDX-License-Identifier: Apache-2.0
#include "random_module.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "octet/autograd/ops.h"
#include "octet/nn/layers.h"
#include "support/dice.h"

namespace octet::test {
namespace {

struct Size {
  std::int64_t channels, h, w;
  bool operator==(const Size&) const = default;
};

// Each step reads the last image and perhaps an earlier one.
class Network final : public Module {
 public:
  explicit Network(std::uint64_t seed) : seed_(seed), dice_(seed), weights_(seed) {
    const std::int64_t size = dice_.between(5, 12);
    sizes_ = {{dice_.pick({1, 3, 8, 16}), size, size + dice_.between(0, 2)}};
    while (names_ == 0) conv();
    const std::int64_t steps = dice_.between(2, 7);
    for (std::int64_t i = 0; i < steps; ++i) step();
    finish();
  }

  Tensor forward(const Tensor& x) override {
    Images images{x};
    for (const Step& step : steps_) images.push_back(step(images));
    return images.back();
  }
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<Network>(seed_)); }

  Shape image() const { return {sizes_[0].channels, sizes_[0].h, sizes_[0].w}; }
  std::string definition() {
    std::string yaml = skipped_.empty() ? "" : "skip_layers: [" + skipped_ + "]\n";
    if (dice_.one_in(3)) yaml += "retrain_weight_quant_config: {ulq_retrain: {channel_wise: false}}\n";
    return yaml;
  }

 private:
  using Images = std::vector<Tensor>;  // the input, and what each step made
  using Step = std::function<Tensor(const Images&)>;

  const Size& last() const { return sizes_.back(); }
  void add_step(const Size& size, Step step) {
    sizes_.push_back(size);
    steps_.push_back(std::move(step));
  }
  std::string name(const char* kind) { return kind + std::to_string(names_++); }
  // The name of a layer that one time in eight stays in float; the first one never does.
  std::string quantizable(const char* kind) {
    std::string chosen = name(kind);
    if (names_ > 1 && dice_.one_in(8)) skipped_ += (skipped_.empty() ? "" : ", ") + chosen;
    return chosen;
  }
  Child* maybe_batch_norm(std::int64_t features) {
    return dice_.one_in(2) ? &add<BatchNorm2d>(name("bn"), {.features = features}) : nullptr;
  }

  // Adds a layer, perhaps a batch norm and perhaps an activation.
  void add_layer(const Size& size, Child& layer) {
    Child* const norm = maybe_batch_norm(size.channels);
    const std::int64_t activation = dice_.between(0, 5);
    add_step(size, [&layer, norm, activation](const Images& images) {
      Tensor y = layer(images.back());
      if (norm) y = (*norm)(y);
      return activation == 0 ? relu6(y) : activation <= 3 ? relu(y) : y;
    });
  }

  void conv() {
    const Size x = last();
    const std::int64_t kernel = dice_.pick({1, 2, 3, 3, 5}), dilation = dice_.one_in(6) ? 2 : 1;
    const Size2 padding(dice_.between(0, kernel / 2), dice_.between(0, kernel / 2));
    const Size2 stride(dice_.pick({1, 1, 2}), dice_.pick({1, 1, 2}));
    const std::int64_t reach = dilation * (kernel - 1) + 1;
    if (reach > std::min(x.h + 2 * padding.h, x.w + 2 * padding.w)) return;
    const std::int64_t groups = dice_.one_in(4) && x.channels % 2 == 0 ? 2 : dice_.one_in(8) ? x.channels : 1;
    const std::int64_t out = groups * (groups > 2 ? dice_.pick({1, 2}) : dice_.pick({1, 4, 8, 16, 16, 24}));
    add_layer({out, (x.h + 2 * padding.h - reach) / stride.h + 1, (x.w + 2 * padding.w - reach) / stride.w + 1},
              add<Conv2d>(quantizable("conv"),
                          {.in_channels = x.channels,
                           .out_channels = out,
                           .kernel_size = kernel,
                           .stride = stride,
                           .padding = padding,
                           .dilation = dilation,
                           .groups = groups,
                           .bias = !dice_.one_in(3)},
                          weights_));
  }

  void conv_transpose() {
    const Size x = last();
    if (x.h > 14 || x.w > 16 || x.h < 3 || x.w < 3) return;
    const std::int64_t kernel = dice_.pick({2, 3, 4}), stride = dice_.pick({1, 2});
    const std::int64_t groups = dice_.one_in(2) && x.channels % 2 == 0 ? 2 : 1, out = groups * dice_.pick({1, 4, 8});
    const std::int64_t padding = dice_.between(0, 1), more = dice_.between(0, stride - 1);
    const auto grown = [&](std::int64_t size) { return (size - 1) * stride - 2 * padding + kernel + more; };
    add_layer({out, grown(x.h), grown(x.w)}, add<ConvTranspose2d>(quantizable("up"),
                                                                  {.in_channels = x.channels,
                                                                   .out_channels = out,
                                                                   .kernel_size = kernel,
                                                                   .stride = stride,
                                                                   .padding = padding,
                                                                   .output_padding = more,
                                                                   .groups = groups,
                                                                   .bias = !dice_.one_in(3)},
                                                                  weights_));
  }

  // Two layers that read the last image, added.
  void branches() {
    const Size x = last();
    const std::int64_t out = dice_.pick({4, 8, 16});
    const auto branch = [&](std::int64_t kernel) {
      return &add<Conv2d>(
          quantizable("branch"),
          {.in_channels = x.channels, .out_channels = out, .kernel_size = kernel, .padding = kernel / 2}, weights_);
    };
    Child *const left = branch(3), *const right = branch(1), *const norm = maybe_batch_norm(out);
    add_step({out, x.h, x.w}, [left, right, norm](const Images& images) {
      const Tensor a = (*left)(images.back()), b = (*right)(images.back());
      return relu((norm ? (*norm)(a) : a) + b);
    });
  }

  // The latest image before the last one that `fits` it.
  template <typename Fits>
  std::optional<std::size_t> earlier(const Fits& fits) const {
    for (std::size_t i = sizes_.size() - 1; i-- > 0;)
      if (fits(sizes_[i])) return i;
    return {};
  }

  void residual() {
    const std::optional<std::size_t> other = earlier([&](const Size& size) { return size == last(); });
    if (!other) return;
    const bool activation = dice_.one_in(2);
    add_step(last(), [i = *other, activation](const Images& images) {
      const Tensor y = images.back() + images[i];
      return activation ? relu(y) : y;
    });
  }

  void join() {
    const Size x = last();
    const std::optional<std::size_t> other =
        earlier([&](const Size& size) { return size.h == x.h && size.w == x.w && size.channels + x.channels <= 48; });
    if (!other) return;
    add_step({x.channels + sizes_[*other].channels, x.h, x.w}, [i = *other](const Images& images) {
      return cat(std::vector<Tensor>{images.back(), images[i]}, 1);
    });
  }

  void pool(bool largest) {
    const Size x = last();
    if (x.h < 3 || x.w < 3) return;
    const std::int64_t kernel = dice_.pick({2, 3}), padding = dice_.between(0, 1), stride = dice_.pick({1, 2});
    const bool count_padding = dice_.one_in(2);
    const auto shrunk = [&](std::int64_t size) { return (size + 2 * padding - kernel) / stride + 1; };
    add_step({x.channels, shrunk(x.h), shrunk(x.w)}, [=](const Images& images) {
      if (largest) return max_pool2d(images.back(), {.kernel_size = kernel, .stride = stride, .padding = padding});
      return avg_pool2d(
          images.back(),
          {.kernel_size = kernel, .stride = stride, .padding = padding, .count_include_pad = count_padding});
    });
  }

  // One that no convolution can take in, unless it happens to follow one.
  void batch_norm() {
    Child& norm = add<BatchNorm2d>(name("bn"), {.features = last().channels});
    add_step(last(), [&norm](const Images& images) { return norm(images.back()); });
  }

  void step() {
    switch (dice_.between(0, 9)) {
      case 0:
      case 1:
      case 2:
        return conv();
      case 3:
        return conv_transpose();
      case 4:
        return branches();
      case 5:
      case 6:
        return residual();
      case 7:
        return pool(dice_.one_in(2));
      case 8:
        return batch_norm();
      default:
        return join();
    }
  }

  void finish() {
    if (dice_.one_in(3)) return;
    const Size x = last();
    const bool average = dice_.one_in(2);
    const std::int64_t in = x.channels * (average ? 1 : x.h * x.w), out = dice_.pick({3, 10, 64});
    Child& layer = add<Linear>(quantizable("fc"), {.in_features = in, .out_features = out}, weights_);
    add_step({out, 1, 1}, [&layer, average](const Images& images) {
      return layer(flatten(average ? adaptive_avg_pool2d(images.back(), 1) : images.back()));
    });
  }

  std::uint64_t seed_;
  Dice dice_;
  Rng weights_;
  int names_ = 0;
  std::string skipped_;
  std::vector<Size> sizes_;  // of the images
  std::vector<Step> steps_;
};

}  // namespace

RandomModule random_module(std::uint64_t seed) {
  auto network = std::make_unique<Network>(seed);
  RandomModule made{nullptr, network->image(), network->definition()};
  made.module = std::move(network);
  return made;
}

Tensor random_images(const Shape& image, std::int64_t count, std::uint64_t seed) {
  Dice dice(seed);
  Tensor x = Tensor::empty({count, image[0], image[1], image[2]});
  for (float& v : x.mutable_values()) v = dice.uniform(-1.5F, 1.5F);
  return x;
}

void disturb(Module& module, std::uint64_t seed) {
  Dice dice(seed);
  const auto scale = [&](const std::vector<NamedTensor>& tensors, const char* name, float low, float high) {
    for (NamedTensor named : tensors)
      if (named.name.ends_with(name))
        for (float& v : named.tensor.mutable_values()) v *= dice.uniform(low, high);
  };
  scale(module.named_parameters(), "acts_clip_max", 0.4F, 1.1F);
  scale(module.named_parameters(), "acts_clip_min", 0.0F, 1.1F);
  Dice dead(seed ^ 0xDEAD);
  module.visit([&](const std::string&, Module& part) {
    const auto* const norm = dynamic_cast<const BatchNorm2d*>(&part);
    if (!norm) return;
    Tensor gamma = norm->weight(), beta = norm->bias(), mean = norm->running_mean(), var = norm->running_var();
    for (float& v : gamma.mutable_values()) v = dice.uniform(-1.0F, 1.5F);
    const float factors[] = {0.0F, -0.0F, 1e-20F, 1e-7F, 1e-6F};  // of channels that are all but constant
    for (float& v : gamma.mutable_values())
      if (dead.one_in(12)) v *= factors[dead.between(0, 4)];
    for (float& v : beta.mutable_values()) v = dice.uniform(-0.5F, 0.5F);
    for (float& v : mean.mutable_values()) v += dice.uniform(-0.2F, 0.2F);
    for (float& v : var.mutable_values()) v *= dice.uniform(0.5F, 2.0F);
  });
}

}  // namespace octet::test
