// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/constant_bytes.h"

namespace octet::deploy {
namespace {

std::int64_t bytes(const std::vector<float>& values) { return std::ssize(values) * 4; }

std::int64_t bytes_of(const Int8Conv& w) { return bytes(w.epilogue.bias) + bytes(w.epilogue.scale); }
std::int64_t bytes_of(const Computation& w) { return w.constant_bytes; }
template <typename Other>
std::int64_t bytes_of(const Other&) {
  return 0;
}

}  // namespace

std::int64_t constant_bytes(const Work& work) {
  return std::visit([](const auto& w) { return bytes_of(w); }, work);
}

}  // namespace octet::deploy
