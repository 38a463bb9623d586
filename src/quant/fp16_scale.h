// SPDX-License-Identifier: Apache-2.0
// FORCE_FP16_QUANT, a setting of Huawei's AMCT: scales that NPUs hold in few bits.
#pragma once

namespace octet {

/// What it makes of an activation's scale: the nearest float16, or, beyond float16's normal range, the square of the
/// float16 nearest to its root.
float fp16_scale(float scale);

/// What it makes of the scale of a layer's sums: 10 bits behind the point, the rest cut off.
float fp16_factor(float factor);

}  // namespace octet
