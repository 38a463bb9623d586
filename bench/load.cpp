// SPDX-License-Identifier: Apache-2.0
// bench_load MODEL [SECONDS]: eight threads share a model for a minute, each with a batch size of its own. Prints how
// often it ran, how many values differed from those of a run by itself, and the peak memory once warm and at the end.
// Fails if a value differed.
//
// ThreadSanitizer does not see how OpenMP's threads wait for each other; with one of them it has nothing to say:
//
//   cmake --preset release -B build/tsan -DCMAKE_CXX_FLAGS="-fsanitize=thread -g"
//   cmake --build build/tsan --target bench_load
//   OMP_NUM_THREADS=1 build/tsan/bench_load tests/data/onnx/resnet20_ort_qdq_u8s8.onnx 20
#include <atomic>
#include <chrono>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "octet/base/shape.h"
#include "octet/deploy/model.h"
#include "octet/experiment/run/peak_memory.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kThreads = 8;
constexpr std::int64_t kLargestBatch = 4;
constexpr auto kWarmUp = std::chrono::seconds(3);

class Load {
 public:
  explicit Load(const std::string& path) : model_(octet::deploy::Model::load(path)) {
    octet::Shape image = model_.input_shape();
    image.front() = 1;
    image_ = static_cast<std::size_t>(octet::element_count(image));
    for (std::size_t i = 0; i < kLargestBatch * image_; ++i)
      input_.push_back(static_cast<float>(i * 37 % 256) / 255.0F);
    expected_ = model_.run(input_, kLargestBatch);
  }

  void run_until(Clock::time_point end) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) threads.emplace_back([=, this] { run_batches(i % kLargestBatch + 1, end); });
    for (std::thread& thread : threads) thread.join();
  }

  std::int64_t runs() const { return runs_; }
  std::int64_t differing() const { return differing_; }

 private:
  void run_batches(std::int64_t batch, Clock::time_point end) {
    const auto images = static_cast<std::size_t>(batch);
    std::vector<float> output(images * expected_.size() / kLargestBatch);
    for (; Clock::now() < end; ++runs_) {
      model_.run({input_.data(), images * image_}, batch, output);
      for (std::size_t i = 0; i < output.size(); ++i) differing_ += output[i] != expected_[i];
    }
  }

  octet::deploy::Model model_;
  std::size_t image_ = 0;
  std::vector<float> input_, expected_;
  std::atomic<std::int64_t> runs_{0}, differing_{0};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: bench_load MODEL [SECONDS]\n";
    return 2;
  }
  try {
    const std::chrono::seconds duration(argc == 3 ? std::stoll(argv[2]) : 60);
    Load load(argv[1]);
    load.run_until(Clock::now() + kWarmUp);
    const std::int64_t warm = octet::peak_resident_bytes();
    load.run_until(Clock::now() + duration);
    std::cout << kThreads << " threads, " << duration.count() << " s: " << load.runs() << " runs, " << load.differing()
              << " differing values, " << warm / 1024 << " KiB once warm, " << octet::peak_resident_bytes() / 1024
              << " KiB at the end\n";
    return load.differing() == 0 ? 0 : 1;
  } catch (const std::exception& e) {
    std::cerr << "bench_load: " << e.what() << '\n';
    return 1;
  }
}
