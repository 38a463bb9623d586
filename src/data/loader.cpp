// SPDX-License-Identifier: Apache-2.0
#include "octet/data/loader.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "octet/base/error.h"
#include "octet/data/prefetcher.h"

namespace octet {
namespace {

constexpr int kMaxWorkers = 256;
constexpr std::int64_t kMaxPrefetch = 4096;
// Samples fork the epoch's generator by their index; the order of the samples by a tag that is no index.
constexpr std::uint64_t kOrderTag = std::numeric_limits<std::uint64_t>::max();

Rng epoch_rng(std::uint64_t seed, std::int64_t epoch) { return Rng(seed).fork(static_cast<std::uint64_t>(epoch)); }

}  // namespace

DataLoader::DataLoader(std::shared_ptr<const Dataset> dataset, const Options& options, Transform transform)
    : dataset_(std::move(dataset)), options_(options), transform_(std::move(transform)) {
  require(dataset_ != nullptr, "DataLoader: there is no dataset");
  require(dataset_->size() >= 1 && dataset_->size() <= std::numeric_limits<std::uint32_t>::max(),
          "DataLoader: the dataset must have 1 to 2^32 - 1 samples (", dataset_->size(), ")");
  require(options.batch_size >= 1, "DataLoader: batch_size must be at least 1 (", options.batch_size, ")");
  require(options.workers >= 0 && options.workers <= kMaxWorkers, "DataLoader: workers must be 0 to ", kMaxWorkers,
          " (", options.workers, ")");
  require(options.prefetch >= 1 && options.prefetch <= kMaxPrefetch, "DataLoader: prefetch must be 1 to ", kMaxPrefetch,
          " (", options.prefetch, ")");
  require(batches() > 0, "DataLoader: drop_last leaves no batch (", dataset_->size(), " samples, batch_size ",
          options.batch_size, ")");
  validate(transform_);
}

void DataLoader::set_epoch(std::int64_t epoch, std::int64_t start_batch) {
  require(epoch >= 0, "DataLoader: epoch must not be negative (", epoch, ")");
  require(start_batch >= 0 && start_batch <= batches(), "DataLoader: start_batch must be 0 to ", batches(), " (",
          start_batch, ")");
  next_pass_.set({epoch, start_batch});
}

std::int64_t DataLoader::epoch() const { return next_pass_.get().epoch; }

DataLoader::NextPass& DataLoader::NextPass::operator=(const NextPass& other) {
  set(other.get());
  return *this;
}

DataLoader::Position DataLoader::NextPass::get() const {
  const std::lock_guard lock(mutex_);
  return position_;
}

void DataLoader::NextPass::set(const Position& position) {
  const std::lock_guard lock(mutex_);
  position_ = position;
}

DataLoader::Position DataLoader::NextPass::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(position_, {.epoch = position_.epoch + 1});
}

std::int64_t DataLoader::batches() const {
  const std::int64_t full = dataset_->size() / options_.batch_size;
  const bool rest = dataset_->size() % options_.batch_size != 0;
  return full + (rest && !options_.drop_last ? 1 : 0);
}

std::int64_t DataLoader::samples() const {
  return options_.drop_last ? batches() * options_.batch_size : dataset_->size();
}

std::vector<std::int64_t> DataLoader::sample_order(std::int64_t epoch) const {
  std::vector<std::int64_t> order(static_cast<std::size_t>(dataset_->size()));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  if (!options_.shuffle) return order;
  Rng rng = epoch_rng(options_.seed, epoch).fork(kOrderTag);
  for (std::size_t i = order.size() - 1; i > 0; --i) {
    std::swap(order[i], order[rng.below(static_cast<std::uint32_t>(i + 1))]);
  }
  return order;
}

DataLoader::Iterator DataLoader::begin() const {
  const auto [epoch, first_batch] = next_pass_.take();
  auto make = [dataset = dataset_, transform = transform_, order = sample_order(epoch), size = options_.batch_size,
               rng = epoch_rng(options_.seed, epoch)](std::int64_t batch) {
    const std::int64_t first = batch * size;
    const std::int64_t count = std::min(size, static_cast<std::int64_t>(order.size()) - first);
    const auto indices = std::span(order).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
    return make_batch(*dataset, indices, transform, rng);
  };
  const Prefetcher::Options options{
      .first = first_batch, .last = batches(), .workers = options_.workers, .depth = options_.prefetch};
  std::unique_ptr<Prefetcher, Iterator::End> prefetcher(new Prefetcher(std::move(make), options));
  return Iterator(std::move(prefetcher), options.last - options.first);
}

void DataLoader::Iterator::End::operator()(Prefetcher* prefetcher) const { prefetcher->end(); }

DataLoader::Iterator::Iterator(std::unique_ptr<Prefetcher, End> prefetcher, std::int64_t batches)
    : prefetcher_(std::move(prefetcher)), left_(batches) {
  ++*this;
}

DataLoader::Iterator::Iterator(Iterator&&) noexcept = default;
DataLoader::Iterator& DataLoader::Iterator::operator=(Iterator&&) noexcept = default;
DataLoader::Iterator::~Iterator() = default;

DataLoader::Iterator& DataLoader::Iterator::operator++() {
  batch_ = {};  // frees its memory for the batches to come
  done_ = left_ == 0;
  if (!done_) {
    --left_;
    batch_ = prefetcher_->next();
  }
  return *this;
}

}  // namespace octet
