// SPDX-License-Identifier: Apache-2.0
// Layers with a weight: Conv2d, ConvTranspose2d, Linear. Arguments, defaults and initialisation are PyTorch's:
// weight and bias uniform in [-1/sqrt(fan_in), 1/sqrt(fan_in)].
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "octet/autograd/ops.h"
#include "octet/base/rng.h"
#include "octet/nn/module.h"

namespace octet {

/// Rows and columns added at each border: one number, {height, width}, or "same" (stride 1, output as large as the
/// input) or "valid" (none).
class ConvPadding {
 public:
  ConvPadding(std::int64_t both) : size_(both) {}  // NOLINT: implicit on purpose
  ConvPadding(std::int64_t height, std::int64_t width) : size_(height, width) {}
  ConvPadding(Size2 size) : size_(size) {}  // NOLINT: implicit on purpose
  template <std::size_t N>
  ConvPadding(const char (&name)[N]) : name_(name) {}  // NOLINT: implicit on purpose

  const Size2& size() const { return size_; }        ///< meaningful if name() is empty
  const std::string& name() const { return name_; }  ///< "same", "valid" or empty

 private:
  Size2 size_ = 0;
  std::string name_;
};

/// conv2d with weight [out_channels, in_channels/groups, Kh, Kw] and bias [out_channels].
class Conv2d final : public Module {
 public:
  struct Options {
    std::int64_t in_channels, out_channels;
    Size2 kernel_size;
    Size2 stride = 1;
    /// "same" needs stride 1 and an even dilation * (kernel_size - 1): padding is the same on opposite sides.
    ConvPadding padding = 0;
    Size2 dilation = 1;
    std::int64_t groups = 1;
    bool bias = true;  ///< false before a BatchNorm, which has a bias of its own
    PaddingMode padding_mode = PaddingMode::kZeros;
  };
  /// Throws Error if an option is out of range; the message names it.
  Conv2d(Options options, Rng& rng);
  /// Around tensors that exist, which it shares; bias is undefined if options.bias is false. Throws Error also if their
  /// shapes are not the layer's.
  Conv2d(Options options, const Tensor& weight, const Tensor& bias);

  Tensor forward(const Tensor& x) override { return apply(x, weight_); }
  /// The layer with another weight of the same shape (quantization passes its fake-quantized one), and perhaps another
  /// bias, [out_channels] or undefined.
  Tensor apply(const Tensor& x, const Tensor& weight) const { return apply(x, weight, bias_); }
  Tensor apply(const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return options_; }
  const Conv2dParams& params() const { return params_; }  ///< what conv2d gets; without padding if padding_mode pads
  const Tensor& weight() const { return weight_; }
  const Tensor& bias() const { return bias_; }  ///< undefined if options().bias is false

 private:
  explicit Conv2d(Options options);

  Options options_;
  Size2 padding_;            // "same" and "valid" resolved
  bool pads_apart_ = false;  // padding_mode is not zeros: pad2d comes before conv2d
  Conv2dParams params_;
  Tensor weight_, bias_;
};

/// conv_transpose2d with weight [in_channels, out_channels/groups, Kh, Kw] and bias [out_channels].
class ConvTranspose2d final : public Module {
 public:
  struct Options {
    std::int64_t in_channels, out_channels;
    Size2 kernel_size;
    Size2 stride = 1, padding = 0, output_padding = 0;
    std::int64_t groups = 1;
    bool bias = true;
    Size2 dilation = 1;
  };
  ConvTranspose2d(Options options, Rng& rng);
  /// Around tensors that exist, see Conv2d.
  ConvTranspose2d(Options options, const Tensor& weight, const Tensor& bias);

  Tensor forward(const Tensor& x) override { return apply(x, weight_); }
  /// The layer with another weight of the same shape, and perhaps another bias.
  Tensor apply(const Tensor& x, const Tensor& weight) const { return apply(x, weight, bias_); }
  Tensor apply(const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return options_; }
  ConvTranspose2dParams params() const;
  const Tensor& weight() const { return weight_; }
  const Tensor& bias() const { return bias_; }

 private:
  explicit ConvTranspose2d(Options options);

  Options options_;
  Tensor weight_, bias_;
};

/// linear with weight [out_features, in_features] and bias [out_features].
class Linear final : public Module {
 public:
  struct Options {
    std::int64_t in_features, out_features;
    bool bias = true;
  };
  Linear(Options options, Rng& rng);
  /// Around tensors that exist, see Conv2d.
  Linear(Options options, const Tensor& weight, const Tensor& bias);

  Tensor forward(const Tensor& x) override { return apply(x, weight_); }
  /// The layer with another weight of the same shape, and perhaps another bias.
  Tensor apply(const Tensor& x, const Tensor& weight) const { return apply(x, weight, bias_); }
  Tensor apply(const Tensor& x, const Tensor& weight, const Tensor& bias) const;
  std::unique_ptr<Module> clone() const override;

  const Options& options() const { return options_; }
  const Tensor& weight() const { return weight_; }
  const Tensor& bias() const { return bias_; }

 private:
  explicit Linear(Options options);

  Options options_;
  Tensor weight_, bias_;
};

}  // namespace octet
