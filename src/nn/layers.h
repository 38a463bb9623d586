// SPDX-License-Identifier: Apache-2.0
// All layers.
#pragma once

#include "octet/nn/activation_layers.h"
#include "octet/nn/conv_layers.h"
#include "octet/nn/norm_layers.h"
#include "octet/nn/pool_layers.h"
#include "octet/nn/sequential.h"
