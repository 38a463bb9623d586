// SPDX-License-Identifier: Apache-2.0
// Ops between floats and integers: keys.
#pragma once

namespace octet::ops {

// In files.
inline constexpr const char* kAscendDequant = "ascend_dequant";
inline constexpr const char* kAscendQuant = "ascend_quant";
inline constexpr const char* kDequantize = "dequantize";
inline constexpr const char* kQuantize = "quantize";
// In training.
inline constexpr const char* kFakeQuantizeWeight = "fake_quantize_weight";
inline constexpr const char* kUlqActivation = "ulq_activation";

}  // namespace octet::ops
