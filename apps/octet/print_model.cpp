// SPDX-License-Identifier: Apache-2.0
#include "print_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "octet/base/counted.h"
#include "octet/base/utf8.h"
#include "progress_display.h"

void print_evaluation(const octet::Evaluation& evaluation) {
  fmt::print("{}: accuracy {}, loss {:.4f}\n", octet::counted(evaluation.images, "test image"),
             percent(evaluation.accuracy), evaluation.loss);
}

void print_predictions(const std::filesystem::path& image, const std::vector<octet::Prediction>& predictions, int top) {
  fmt::print("{}\n", octet::printable(image.string()));
  const auto shown = std::min(predictions.size(), static_cast<std::size_t>(top));
  for (std::size_t i = 0; i < shown; ++i)
    fmt::print("  {:>9}  {}\n", percent(predictions[i].probability), octet::printable(predictions[i].class_name));
}
