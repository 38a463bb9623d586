// SPDX-License-Identifier: Apache-2.0
// Which arithmetic quantized layers use, for as long as one of these lives.
#pragma once

#include "octet/autograd/integers.h"

namespace octet::test {

class ForwardIn {
 public:
  explicit ForwardIn(QuantizedForward how) : before_(quantized_forward()) { set_quantized_forward(how); }
  ~ForwardIn() { set_quantized_forward(before_); }
  ForwardIn(const ForwardIn&) = delete;
  ForwardIn& operator=(const ForwardIn&) = delete;

 private:
  QuantizedForward before_;
};

}  // namespace octet::test
