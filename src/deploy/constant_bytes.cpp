// SPDX-License-Identifier: Apache-2.0
#include "octet/deploy/constant_bytes.h"

namespace octet::deploy {
namespace {

std::int64_t bytes(const std::vector<float>& values) { return std::ssize(values) * 4; }

std::int64_t bytes_of(const Int8Conv& w) { return bytes(w.epilogue.bias) + bytes(w.epilogue.scale); }
std::int64_t bytes_of(const FloatConv& w) { return bytes(w.bias); }
std::int64_t bytes_of(const FloatLinear& w) { return bytes(w.bias); }
std::int64_t bytes_of(const BatchNorm& w) { return bytes(w.mean) + bytes(w.scale) + bytes(w.shift); }
std::int64_t bytes_of(const AveragePool& w) {
  return (std::ssize(w.shape.rows) + std::ssize(w.shape.columns)) * static_cast<std::int64_t>(sizeof(kernels::Window));
}
template <typename Other>
std::int64_t bytes_of(const Other&) {
  return 0;
}

}  // namespace

std::int64_t constant_bytes(const Work& work) {
  return std::visit([](const auto& w) { return bytes_of(w); }, work);
}

}  // namespace octet::deploy
