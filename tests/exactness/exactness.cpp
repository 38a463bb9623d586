// SPDX-License-Identifier: Apache-2.0
// exactness [NETWORKS [IMAGES]]: deployed networks against the scalar oracle, every quantized tensor and every output:
// random ones (1000), and a ResNet-20 retrained on Fashion-MNIST, whose evaluation is compared as well, over the test
// images (10000). For 1 and 2 threads and batches of 1 and 32. Prints what was compared and how many values differed;
// fails if one did. scripts/exactness.sh runs it for each instruction set that oneDNN offers here.
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "octet/kernels/info.h"
#include "octet/kernels/parallel.h"
#include "retrained_network.h"
#include "support/exactness.h"

namespace {

std::int64_t total_differences = 0;

void report(const std::string& what, const octet::test::ExactnessCounts& counts) {
  std::cout << what << ": " << counts.networks << " networks, " << counts.tensors << " tensors, " << counts.values
            << " values, differences: " << counts.differences << std::endl;
  if (counts.differences > 0) std::cout << "  first: " << counts.first_difference << '\n';
  total_differences += counts.differences;
}

void compare(int threads, std::int64_t batch, std::uint64_t networks, std::int64_t images) {
  octet::kernels::set_num_threads(threads);
  const std::string setting = "threads " + std::to_string(threads) + ", batch " + std::to_string(batch);
  octet::test::ExactnessCounts random;
  // Networks of large batches cost the oracle its time: fewer of them, and other ones. The same for single images.
  const bool single = batch == 1;
  const std::uint64_t first = single ? 1 : networks + 1, count = single ? networks : (networks + 9) / 10;
  for (std::uint64_t seed = first; seed < first + count; ++seed)
    octet::test::compare_random_network(seed, batch, random);
  report(setting + ", random", random);
  for (const bool shortcuts : {false, true}) {
    octet::test::ExactnessCounts retrained;
    octet::test::compare_retrained_network(shortcuts, single ? images / 10 : images, batch, retrained);
    report(setting + (shortcuts ? ", retrained, shortcuts quantized" : ", retrained"), retrained);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::uint64_t networks = argc > 1 ? std::stoull(argv[1]) : 1000;
    const std::int64_t images = argc > 2 ? std::stoll(argv[2]) : 10000;
    std::cout << "oneDNN " << octet::kernels::onednn_version() << ", " << octet::kernels::onednn_isa() << std::endl;
    for (const int threads : {1, 2})
      for (const std::int64_t batch : {1, 32}) compare(threads, batch, networks, images);
    std::cout << "differences: " << total_differences << '\n';
  } catch (const std::exception& error) {
    std::cerr << "exactness: " << error.what() << '\n';
    return 1;
  }
  return total_differences == 0 ? 0 : 1;
}
