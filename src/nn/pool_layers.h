// SPDX-License-Identifier: Apache-2.0
// Layers that change shape and have no parameters: pooling and Flatten.
#pragma once

#include <cstdint>
#include <memory>

#include "octet/autograd/ops.h"
#include "octet/nn/module.h"

namespace octet {

class MaxPool2d final : public Module {
 public:
  using Options = MaxPool2dParams;
  explicit MaxPool2d(Options options);
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options_); }
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
};

class AvgPool2d final : public Module {
 public:
  using Options = AvgPool2dParams;
  explicit AvgPool2d(Options options);
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, options_); }
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
};

class AdaptiveAvgPool2d final : public Module {
 public:
  struct Options {
    Size2 output_size;
  };
  explicit AdaptiveAvgPool2d(Options options);
  Tensor forward(const Tensor& x) override { return adaptive_avg_pool2d(x, options_.output_size); }
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
};

class Flatten final : public Module {
 public:
  struct Options {
    std::int64_t start_dim = 1, end_dim = -1;  ///< negative counts from the end
  };
  Flatten() : Flatten(Options{}) {}
  explicit Flatten(Options options) : options_(options) {}
  Tensor forward(const Tensor& x) override { return flatten(x, options_.start_dim, options_.end_dim); }
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
};

}  // namespace octet
