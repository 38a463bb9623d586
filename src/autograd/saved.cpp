// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/saved.h"

#include "octet/base/error.h"

namespace octet {

Saved::Saved(const char* op, const char* name, const Tensor& t)
    : op_(op), name_(name), tensor_(t), version_(t.defined() ? t.version() : 0) {}

const Tensor& Saved::get() const {
  require(
      !tensor_.defined() || tensor_.version() == version_, op_, ": ", name_, " ", tensor_.shape(),
      " was written to after the forward pass, and its gradient needs the values that were there; write to it after "
      "backward(), or run the forward pass again");
  return tensor_;
}

}  // namespace octet
