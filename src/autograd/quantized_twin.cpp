// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/quantized_twin.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "octet/autograd/body.h"
#include "octet/autograd/tape.h"

namespace octet {
namespace {

using detail::Twins;

// Notes of quantizers that are gone would stay for ever on a tensor that many models read.
constexpr std::size_t kMostTwins = 16;

Twins::Twin* find(Twins& twins, std::uint64_t quantizer) {
  const auto found = std::ranges::find(twins.all, quantizer, &Twins::Twin::quantizer);
  return found == twins.all.end() ? nullptr : &*found;
}

}  // namespace

std::uint64_t new_quantizer_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

bool made_by(const Tensor& t, std::uint64_t quantizer) { return t.body()->quantizer == quantizer; }

TwinClaim claim_twin(const Tensor& x, std::uint64_t quantizer, const void* reader) {
  Twins& twins = x.body()->twins;
  const std::scoped_lock lock(twins.lock);
  Twins::Twin* twin = find(twins, quantizer);
  if (twin && twin->version == x.version() && twin->has_history == grad_enabled() &&
      std::ranges::find(twin->readers, reader) == twin->readers.end()) {
    twin->readers.push_back(reader);
    return {true, Tensor(twin->quantized.lock())};
  }
  if (!twin) {
    if (twins.all.size() == kMostTwins) twins.all.erase(twins.all.begin());
    twin = &twins.all.emplace_back();
  }
  *twin = {quantizer, x.version(), grad_enabled(), {}, {reader}};
  return {};
}

void keep_twin(const Tensor& x, std::uint64_t quantizer, const Tensor& y) {
  y.body()->quantizer = quantizer;
  Twins& twins = x.body()->twins;
  const std::scoped_lock lock(twins.lock);
  if (Twins::Twin* const twin = find(twins, quantizer)) twin->quantized = y.body();
}

}  // namespace octet
