// SPDX-License-Identifier: Apache-2.0
// Activations as layers, for Sequential and for slots that tools replace. In a forward() of your own, call the ops.
#pragma once

#include <cstdint>
#include <memory>

#include "octet/autograd/ops.h"
#include "octet/nn/module.h"

namespace octet {

/// A layer without options and state; Self is the class derived from it.
template <typename Self>
class StatelessLayer : public Module {
 public:
  std::unique_ptr<Module> clone() const override { return copy_state_to(std::make_unique<Self>()); }
};

class ReLU final : public StatelessLayer<ReLU> {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
};

class ReLU6 final : public StatelessLayer<ReLU6> {
 public:
  Tensor forward(const Tensor& x) override { return relu6(x); }
};

class Sigmoid final : public StatelessLayer<Sigmoid> {
 public:
  Tensor forward(const Tensor& x) override { return sigmoid(x); }
};

class Tanh final : public StatelessLayer<Tanh> {
 public:
  Tensor forward(const Tensor& x) override { return tanh(x); }
};

class SiLU final : public StatelessLayer<SiLU> {
 public:
  Tensor forward(const Tensor& x) override { return silu(x); }
};

class Hardswish final : public StatelessLayer<Hardswish> {
 public:
  Tensor forward(const Tensor& x) override { return hardswish(x); }
};

/// Returns its input: what a slot holds when a layer is taken out.
class Identity final : public StatelessLayer<Identity> {
 public:
  Tensor forward(const Tensor& x) override { return x; }
};

class LeakyReLU final : public Module {
 public:
  struct Options {
    float negative_slope = 0.01F;
  };
  LeakyReLU() : LeakyReLU(Options{}) {}
  explicit LeakyReLU(Options options);
  Tensor forward(const Tensor& x) override { return leaky_relu(x, options_.negative_slope); }
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
};

class Softmax final : public Module {
 public:
  struct Options {
    std::int64_t dim = -1;  ///< negative counts from the end
  };
  Softmax() : Softmax(Options{}) {}
  explicit Softmax(Options options) : options_(options) {}
  Tensor forward(const Tensor& x) override { return softmax(x, options_.dim); }
  std::unique_ptr<Module> clone() const override;
  const Options& options() const { return options_; }

 private:
  Options options_;
};

}  // namespace octet
