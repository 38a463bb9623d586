// SPDX-License-Identifier: Apache-2.0
// Optimizers: SGD and AdamW with PyTorch's formulas in PyTorch's order of operations, and gradient clipping.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "octet/autograd/tensor.h"
#include "octet/nn/module.h"
#include "octet/nn/state.h"

namespace octet {

/// Parameters that share settings.
struct ParameterGroup {
  std::vector<NamedTensor> parameters;
  std::optional<double> weight_decay{};  ///< none: the optimizer's
  double lr_scale = 1.0;                 ///< the group's learning rate is the optimizer's times this
};

/// Two groups: weights of two and more dimensions decay with `weight_decay`; biases and the parameters of BatchNorm
/// (one dimension) do not.
std::vector<ParameterGroup> decay_groups(const Module& module, double weight_decay);

/// What all optimizers share: groups, learning rate, state.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// Updates every parameter that has a gradient; the others, and their state, stay as they are.
  void step();
  void zero_grad();

  double lr() const { return lr_; }
  /// For schedules: the learning rate from the next step on. Throws Error unless finite and >= 0.
  void set_lr(double lr);

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// The optimizer's memory for checkpoints, "layer1.0.conv1.weight.momentum": save_state() and load_state() take it.
  virtual std::vector<StateEntry> named_state() = 0;

 protected:
  /// Throws Error if there is no parameter, one twice, or a setting out of range.
  Optimizer(const char* name, std::vector<ParameterGroup> groups, double lr, double weight_decay);
  /// One parameter's update; `index` counts all parameters of all groups.
  virtual void update(std::size_t index, Tensor parameter, const Tensor& gradient, double lr, double weight_decay) = 0;
  /// Zeros shaped like each parameter, in the order of `index`.
  std::vector<Tensor> zeros_like_parameters() const;
  /// All parameters' names, in the order of `index`.
  std::vector<std::string> parameter_names() const;

 private:
  const char* name_;
  std::vector<ParameterGroup> groups_;
  double lr_ = 0.0;
  double weight_decay_;
};

/// g' = g + weight_decay * p;  v = momentum * v + (1 - dampening) * g' (the first time: v = g');
/// p -= lr * (nesterov ? g' + momentum * v : v).
class SGD final : public Optimizer {
 public:
  struct Options {
    double lr;
    double momentum = 0.0;
    double dampening = 0.0;  ///< PyTorch's; Nesterov needs 0
    double weight_decay = 0.0;
    bool nesterov = false;
  };
  SGD(const Module& module, Options options);
  SGD(std::vector<ParameterGroup> groups, Options options);

  std::vector<StateEntry> named_state() override;

 private:
  void update(std::size_t index, Tensor parameter, const Tensor& gradient, double lr, double weight_decay) override;

  Options options_;
  std::vector<Tensor> momentum_;     // empty without momentum
  std::vector<std::int64_t> steps_;  // per parameter, likewise
};

/// Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019): p *= 1 - lr * weight_decay, then
/// p -= lr * m^ / (sqrt(v^) + eps) with bias-corrected moments m^, v^.
class AdamW final : public Optimizer {
 public:
  struct Options {
    double lr = 1e-3;
    double beta1 = 0.9, beta2 = 0.999;
    double eps = 1e-8;
    double weight_decay = 1e-2;
  };
  AdamW(const Module& module, Options options);
  AdamW(std::vector<ParameterGroup> groups, Options options);

  std::vector<StateEntry> named_state() override;

 private:
  void update(std::size_t index, Tensor parameter, const Tensor& gradient, double lr, double weight_decay) override;

  Options options_;
  std::vector<Tensor> mean_, mean_square_;
  std::vector<std::int64_t> steps_;  // per parameter
};

/// Scales all gradients by max_norm / (norm + 1e-6), norm being their common Euclidean norm, if that makes them
/// smaller, as PyTorch does. Returns the norm before. Summed in double in a fixed order. Parameters without gradient
/// are left out.
double clip_grad_norm(std::span<const Tensor> parameters, double max_norm);
/// Clamps every gradient value to [-limit, limit].
void clip_grad_value(std::span<const Tensor> parameters, double limit);

}  // namespace octet
