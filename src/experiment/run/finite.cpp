// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/finite.h"

#include <algorithm>
#include <cmath>

#include "octet/base/error.h"
#include "octet/quant/qat_layers.h"

namespace octet::detail {
namespace {

bool is_finite(float value) { return std::isfinite(value); }

const char* name_of(float value) { return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf"; }

void require_finite(const NamedTensor& named, const std::string& path, const std::string& where) {
  const std::span<const float> values = named.tensor.values();
  const auto first = std::ranges::find_if_not(values, is_finite);
  if (first == values.end()) return;
  const auto count = std::ranges::count_if(first, values.end(), [](float value) { return !is_finite(value); });
  fail(where, ": ", path.empty() ? "" : path + '.', named.name, ": ", count, " of ", values.size(),
       count == 1 ? " values is not finite, it is " : " values are not finite, the first is ", name_of(*first));
}

bool is_of_quantizer(const NamedTensor& named) {
  return named.name.starts_with("acts_") || named.name.starts_with("wts_");
}

}  // namespace

void require_finite_weights(Module& module, const std::string& where) {
  module.visit([&](const std::string& path, Module& m) {
    const bool quantized = dynamic_cast<const QatModule*>(&m) != nullptr;
    for (const auto* own : {&m.own_parameters(), &m.own_buffers()})
      for (const NamedTensor& named : *own)
        if (!quantized || !is_of_quantizer(named)) require_finite(named, path, where);
  });
}

void require_finite_logits(std::span<const float> logits, std::int64_t classes, std::int64_t first,
                           const std::string& where) {
  const auto found = std::ranges::find_if_not(logits, is_finite);
  if (found == logits.end()) return;
  const std::int64_t at = found - logits.begin();
  fail(where, ": the network's results are not finite: image ", first + at / classes + 1, ", class ", at % classes,
       ": ", name_of(*found));
}

std::optional<std::int64_t> index_of_greatest(std::span<const float> values) {
  if (values.empty() || std::ranges::any_of(values, [](float value) { return std::isnan(value); })) return std::nullopt;
  return std::ranges::max_element(values) - values.begin();
}

}  // namespace octet::detail
