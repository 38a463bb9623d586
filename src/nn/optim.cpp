// SPDX-License-Identifier: Apache-2.0
#include "octet/nn/optim.h"

#include <cmath>
#include <set>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/float_environment.h"
#include "octet/base/utf8.h"
#include "octet/kernels/float/elementwise.h"
#include "octet/kernels/float/optimizer.h"
#include "octet/kernels/float/reduce.h"

namespace octet {
namespace {

void require_not_negative(const char* optimizer, const char* option, double value) {
  require(std::isfinite(value) && value >= 0, optimizer, ": ", option, " must be finite and not negative (", option,
          ' ', value, ")");
}

void require_below_one(const char* optimizer, const char* option, double value) {
  require(value >= 0 && value < 1, optimizer, ": ", option, " must be in [0, 1) (", option, ' ', value, ")");
}

std::vector<ParameterGroup> one_group(const Module& module) {
  std::vector<ParameterGroup> groups(1);
  groups.front().parameters = module.named_parameters();
  return groups;
}

}  // namespace

std::vector<ParameterGroup> decay_groups(const Module& module, double weight_decay) {
  std::vector<ParameterGroup> groups(2);
  groups[0].weight_decay = weight_decay;
  groups[1].weight_decay = 0.0;
  for (NamedTensor& parameter : module.named_parameters())
    groups[parameter.tensor.rank() >= 2 ? 0 : 1].parameters.push_back(std::move(parameter));
  return groups;
}

// ---- what all optimizers share -------------------------------------------------------------------------------------

Optimizer::Optimizer(const char* name, std::vector<ParameterGroup> groups, double lr, double weight_decay)
    : name_(name), groups_(std::move(groups)), weight_decay_(weight_decay) {
  set_lr(lr);
  require_not_negative(name_, "weight_decay", weight_decay);
  std::set<const void*> bodies;
  std::set<std::string> names;
  for (const ParameterGroup& group : groups_) {
    require_not_negative(name_, "weight_decay", group.weight_decay.value_or(0.0));
    require_not_negative(name_, "lr_scale", group.lr_scale);
    for (const auto& [parameter, tensor] : group.parameters) {
      require(tensor.defined(), name_, ": the parameter ", in_quotes(parameter), " is undefined");
      const bool is_new = bodies.insert(tensor.body().get()).second && names.insert(parameter).second;
      require(is_new, name_, ": the parameter ", in_quotes(parameter), " is there twice");
    }
  }
  require(!bodies.empty(), name_, ": there are no parameters");
}

void Optimizer::step() {
  const FloatEnvironment numbers;
  // First what can fail, so that a step is done by all parameters or by none.
  for (const ParameterGroup& group : groups_)
    for (const auto& [name, tensor] : group.parameters) {
      const Tensor gradient = tensor.grad();
      if (!gradient.defined()) continue;
      require(gradient.shape() == tensor.shape() && gradient.layout() == tensor.layout(), name_, ": the gradient of ",
              name, " has another shape or layout (gradient ", gradient.shape(), ", parameter ", tensor.shape(), ")");
      gradient.values();
      Tensor(tensor).mutable_values();  // may have to leave the old values to a result that is still to be computed
    }
  std::size_t index = 0;
  for (const ParameterGroup& group : groups_)
    for (const auto& [name, tensor] : group.parameters) {
      const Tensor gradient = tensor.grad();
      const std::size_t i = index++;
      if (gradient.defined())
        update(i, tensor, gradient, lr_ * group.lr_scale, group.weight_decay.value_or(weight_decay_));
    }
}

void Optimizer::zero_grad() {
  for (ParameterGroup& group : groups_)
    for (NamedTensor& parameter : group.parameters) parameter.tensor.zero_grad();
}

void Optimizer::set_lr(double lr) {
  require_not_negative(name_, "lr", lr);
  lr_ = lr;
}

std::vector<Tensor> Optimizer::zeros_like_parameters() const {
  std::vector<Tensor> zeros;
  for (const ParameterGroup& group : groups_)
    for (const auto& [name, tensor] : group.parameters) zeros.push_back(Tensor::zeros(tensor.shape(), tensor.layout()));
  return zeros;
}

std::vector<std::string> Optimizer::parameter_names() const {
  std::vector<std::string> names;
  for (const ParameterGroup& group : groups_)
    for (const NamedTensor& parameter : group.parameters) names.push_back(parameter.name);
  return names;
}

// ---- SGD -----------------------------------------------------------------------------------------------------------

SGD::SGD(const Module& module, Options options) : SGD(one_group(module), options) {}

SGD::SGD(std::vector<ParameterGroup> groups, Options options)
    : Optimizer("SGD", std::move(groups), options.lr, options.weight_decay), options_(options) {
  require_not_negative("SGD", "momentum", options_.momentum);
  require(std::isfinite(options_.dampening), "SGD: dampening must be finite (dampening ", options_.dampening, ")");
  require(!options_.nesterov || (options_.momentum > 0 && options_.dampening == 0),
          "SGD: nesterov needs momentum and no dampening (momentum ", options_.momentum, ", dampening ",
          options_.dampening, ")");
  if (options_.momentum == 0) return;
  momentum_ = zeros_like_parameters();
  steps_.resize(momentum_.size());
}

void SGD::update(std::size_t index, Tensor parameter, const Tensor& gradient, double lr, double weight_decay) {
  const std::int64_t n = parameter.size();
  const float* const g = gradient.values().data();
  float* const p = parameter.mutable_values().data();
  if (momentum_.empty()) return kernels::sgd_step(n, static_cast<float>(lr), static_cast<float>(weight_decay), g, p);

  const bool first = steps_[index]++ == 0;  // then there is no past to keep, and PyTorch does not dampen
  const kernels::MomentumFactors factors{.lr = static_cast<float>(lr),
                                         .weight_decay = static_cast<float>(weight_decay),
                                         .momentum = static_cast<float>(options_.momentum),
                                         .keep = first ? 0.0F : static_cast<float>(options_.momentum),
                                         .take = first ? 1.0F : static_cast<float>(1.0 - options_.dampening),
                                         .nesterov = options_.nesterov};
  kernels::momentum_step(n, factors, g, momentum_[index].mutable_values().data(), p);
}

std::vector<StateEntry> SGD::named_state() {
  std::vector<StateEntry> state;
  const std::vector<std::string> names = parameter_names();
  for (std::size_t i = 0; i < momentum_.size(); ++i) {
    state.push_back({.name = names[i] + ".momentum", .tensor = momentum_[i]});
    state.push_back({.name = names[i] + ".step", .counter = &steps_[i]});
  }
  return state;
}

// ---- AdamW ---------------------------------------------------------------------------------------------------------

AdamW::AdamW(const Module& module, Options options) : AdamW(one_group(module), options) {}

AdamW::AdamW(std::vector<ParameterGroup> groups, Options options)
    : Optimizer("AdamW", std::move(groups), options.lr, options.weight_decay), options_(options) {
  require_below_one("AdamW", "beta1", options_.beta1);
  require_below_one("AdamW", "beta2", options_.beta2);
  require_not_negative("AdamW", "eps", options_.eps);
  mean_ = zeros_like_parameters();
  mean_square_ = zeros_like_parameters();
  steps_.resize(mean_.size());
}

void AdamW::update(std::size_t index, Tensor parameter, const Tensor& gradient, double lr, double weight_decay) {
  const auto t = static_cast<double>(++steps_[index]);
  const auto [beta1, beta2] = std::pair(options_.beta1, options_.beta2);
  const kernels::AdamWFactors factors{.shrink = static_cast<float>(1.0 - lr * weight_decay),
                                      .beta1 = static_cast<float>(beta1),
                                      .one_minus_beta1 = static_cast<float>(1.0 - beta1),
                                      .beta2 = static_cast<float>(beta2),
                                      .one_minus_beta2 = static_cast<float>(1.0 - beta2),
                                      .rate = static_cast<float>(lr / (1.0 - std::pow(beta1, t))),
                                      .root = static_cast<float>(std::sqrt(1.0 - std::pow(beta2, t))),
                                      .eps = static_cast<float>(options_.eps)};
  kernels::adamw_step(parameter.size(), factors, gradient.values().data(), mean_[index].mutable_values().data(),
                      mean_square_[index].mutable_values().data(), parameter.mutable_values().data());
}

std::vector<StateEntry> AdamW::named_state() {
  std::vector<StateEntry> state;
  const std::vector<std::string> names = parameter_names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    state.push_back({.name = names[i] + ".exp_avg", .tensor = mean_[i]});
    state.push_back({.name = names[i] + ".exp_avg_sq", .tensor = mean_square_[i]});
    state.push_back({.name = names[i] + ".step", .counter = &steps_[i]});
  }
  return state;
}

// ---- gradient clipping ---------------------------------------------------------------------------------------------

double clip_grad_norm(std::span<const Tensor> parameters, double max_norm) {
  const FloatEnvironment numbers;
  require(max_norm > 0, "clip_grad_norm: max_norm must be positive (max_norm ", max_norm, ")");
  double squares = 0;
  for (const Tensor& parameter : parameters) {
    const Tensor gradient = parameter.grad();
    if (gradient.defined())
      squares += kernels::dot(gradient.size(), gradient.values().data(), gradient.values().data());
  }
  const double norm = std::sqrt(squares), factor = max_norm / (norm + 1e-6);
  if (factor >= 1) return norm;
  for (const Tensor& parameter : parameters) {
    Tensor gradient = parameter.grad();
    if (!gradient.defined()) continue;
    float* const g = gradient.mutable_values().data();
    kernels::scale(gradient.size(), static_cast<float>(factor), g, g);
  }
  return norm;
}

void clip_grad_value(std::span<const Tensor> parameters, double limit) {
  require(limit > 0, "clip_grad_value: limit must be positive (limit ", limit, ")");
  for (const Tensor& parameter : parameters) {
    Tensor gradient = parameter.grad();
    if (gradient.defined())
      kernels::clamp(gradient.size(), static_cast<float>(limit), gradient.mutable_values().data());
  }
}

}  // namespace octet
