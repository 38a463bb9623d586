// SPDX-License-Identifier: Apache-2.0
// Sequential: modules run one after another.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "octet/nn/module.h"

namespace octet {

/// Slots "0", "1", ... in the order of append():
///   Sequential net;
///   net.append<Conv2d>({.in_channels = 1, .out_channels = 8, .kernel_size = 3}, rng).append<ReLU>();
class Sequential final : public Module {
 public:
  Tensor forward(const Tensor& x) override;
  std::unique_ptr<Module> clone() const override;

  /// Appends a new M; its options may be a braced list.
  template <typename M, typename... Args>
  Sequential& append(typename M::Options options, Args&&... args) {
    return append(std::make_unique<M>(std::move(options), std::forward<Args>(args)...));
  }
  template <typename M, typename... Args>
  requires(!detail::HasOptions<M> || sizeof...(Args) == 0) Sequential& append(Args&&... args) {
    return append(std::make_unique<M>(std::forward<Args>(args)...));
  }
  Sequential& append(std::unique_ptr<Module> module) {
    add(std::to_string(children().size()), std::move(module));
    return *this;
  }
};

}  // namespace octet
