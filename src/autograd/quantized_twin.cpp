// SPDX-License-Identifier: Apache-2.0
#include "octet/autograd/quantized_twin.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

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

// What is made of a tensor has a history of its own for each of these.
int history_of(const Tensor& x) { return !grad_enabled() ? 0 : x.requires_grad() ? 2 : 1; }

}  // namespace

std::uint64_t new_quantizer_id() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

bool made_by(const Tensor& t, std::uint64_t quantizer, std::uint64_t grid) {
  const auto& by = t.body()->made_by;
  return by.quantizer == quantizer && by.grid == grid && by.version == t.version();
}

TwinClaim claim_twin(const Tensor& x, std::uint64_t quantizer, std::uint64_t grid, const void* reader) {
  Twins& twins = x.body()->twins;
  const std::scoped_lock lock(twins.lock);
  Twins::Twin* twin = find(twins, quantizer);
  if (twin && twin->version == x.version() && twin->history == history_of(x) &&
      std::ranges::find(twin->readers, reader) == twin->readers.end()) {
    twin->readers.push_back(reader);
    Tensor quantized(twin->quantized.lock());
    if (quantized.defined() && !made_by(quantized, quantizer, grid)) quantized = Tensor();
    return {true, std::move(quantized), twin->claim};
  }
  if (!twin) {
    if (twins.all.size() == kMostTwins) twins.all.erase(twins.all.begin());
    twin = &twins.all.emplace_back();
  }
  *twin = {quantizer, ++twins.claims, x.version(), history_of(x), {}, {reader}};
  return {false, {}, twin->claim};
}

void keep_twin(const Tensor& x, std::uint64_t quantizer, std::uint64_t grid, const TwinClaim& claim, const Tensor& y) {
  y.body()->made_by = {quantizer, grid, y.version()};
  Twins& twins = x.body()->twins;
  const std::scoped_lock lock(twins.lock);
  if (Twins::Twin* const twin = find(twins, quantizer); twin && twin->claim == claim.number) twin->quantized = y.body();
}

}  // namespace octet
