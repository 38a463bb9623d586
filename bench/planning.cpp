// SPDX-License-Identifier: Apache-2.0
// bench_planning MODEL [SIZES]: one thread runs single images of a deployed model, while another one brings batch sizes
// that the model has not seen, each of which has to be planned. Prints milliseconds of the single images by themselves
// and meanwhile, and of the first and second run of the new sizes: whoever planned under a lock that runs take, too,
// would show up in the longest run of a single image. For two cores; each thread computes alone.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "octet/base/shape.h"
#include "octet/deploy/model.h"
#include "octet/kernels/core/parallel.h"

namespace {

double milliseconds_of(const octet::deploy::Model& model, const std::vector<float>& input, std::int64_t batch) {
  const auto start = std::chrono::steady_clock::now();
  model.run(input, batch);
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

void print(const char* what, std::vector<double> milliseconds) {
  std::ranges::sort(milliseconds);
  const std::size_t count = milliseconds.size();
  std::printf("%-40s %6zu runs, median %8.3f ms, 99 %% %8.3f ms, longest %8.3f ms\n", what, count,
              milliseconds[count / 2], milliseconds[count * 99 / 100], milliseconds.back());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::cerr << "usage: bench_planning MODEL [SIZES]\n";
    return 2;
  }
  try {
    const std::int64_t sizes = argc == 3 ? std::stoll(argv[2]) : 40;
    const octet::deploy::Model model = octet::deploy::Model::load(argv[1]);
    octet::Shape image = model.input_shape();
    image.front() = 1;
    const auto values = static_cast<std::size_t>(octet::element_count(image));
    octet::kernels::set_num_threads(1);
    const std::vector<float> one(values, 0.5F);
    for (int i = 0; i < 20; ++i) milliseconds_of(model, one, 1);
    std::vector<double> alone, meanwhile, first, second;
    for (int i = 0; i < 300; ++i) alone.push_back(milliseconds_of(model, one, 1));

    std::atomic<bool> planning{true};
    std::thread planner([&] {
      octet::kernels::set_num_threads(1);
      for (std::int64_t batch = 2; batch < 2 + sizes; ++batch) {
        const std::vector<float> input(values * static_cast<std::size_t>(batch), 0.5F);
        first.push_back(milliseconds_of(model, input, batch));
        second.push_back(milliseconds_of(model, input, batch));
      }
      planning = false;
    });
    while (planning) meanwhile.push_back(milliseconds_of(model, one, 1));
    planner.join();
    print("one image", alone);
    print("one image, while other sizes are planned", meanwhile);
    print("new sizes, first run", first);
    print("new sizes, second run", second);
  } catch (const std::exception& error) {
    std::cerr << "bench_planning: " << error.what() << '\n';
    return 1;
  }
}
