// SPDX-License-Identifier: Apache-2.0
// What octet eval, octet predict and octet run print.
#pragma once

#include <filesystem>
#include <vector>

#include "octet/experiment/run/trained_model.h"

/// "10000 test images: accuracy 93.86 %, loss 0.2117".
void print_evaluation(const octet::Evaluation& evaluation);

/// The image and its likeliest classes, at most `top`.
void print_predictions(const std::filesystem::path& image, const std::vector<octet::Prediction>& predictions, int top);
