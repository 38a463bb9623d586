// SPDX-License-Identifier: Apache-2.0
// Everything that a training program needs.
#pragma once

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/autograd/tensor.h"
#include "octet/base/error.h"
#include "octet/base/rng.h"
#include "octet/data/image_folder.h"
#include "octet/data/known_datasets.h"
#include "octet/data/loader.h"
#include "octet/data/synthetic.h"
#include "octet/experiment/evaluate.h"
#include "octet/kernels/parallel.h"
#include "octet/nn/layers.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"
#include "octet/nn/schedule.h"
#include "octet/nn/sequential.h"
#include "octet/nn/state.h"
#include "octet/quant/create_quant_retrain_config.h"
#include "octet/quant/create_quant_retrain_model.h"
#include "octet/quant/qat_layers.h"
