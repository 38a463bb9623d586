// SPDX-License-Identifier: Apache-2.0
// exactness [NETWORKS]: random networks in octet::deploy against the scalar oracle, every quantized tensor and every
// output, for 1 and 2 threads and batches of 1 and 32. Prints what was compared and how many values differed; fails if
// one did. scripts/exactness.sh runs it for each instruction set that oneDNN offers here.
#include <cstdint>
#include <iostream>
#include <string>

#include "octet/kernels/info.h"
#include "octet/kernels/parallel.h"
#include "support/exactness.h"

int main(int argc, char** argv) {
  const std::uint64_t networks = argc > 1 ? std::stoull(argv[1]) : 1000;
  std::cout << "oneDNN " << octet::kernels::onednn_version() << ", " << octet::kernels::onednn_isa() << '\n';
  std::int64_t differences = 0;
  for (const int threads : {1, 2})
    for (const std::int64_t batch : {1, 32}) {
      octet::kernels::set_num_threads(threads);
      octet::test::ExactnessCounts counts;
      // Networks of large batches cost the oracle its time: fewer of them, and other ones.
      const std::uint64_t first = batch == 1 ? 1 : networks + 1, count = batch == 1 ? networks : (networks + 9) / 10;
      for (std::uint64_t seed = first; seed < first + count; ++seed)
        octet::test::compare_random_network(seed, batch, counts);
      std::cout << "threads " << threads << ", batch " << batch << ": " << counts.networks << " networks, "
                << counts.tensors << " tensors, " << counts.values << " values, differences: " << counts.differences
                << std::endl;
      if (counts.differences > 0) std::cout << "  first: " << counts.first_difference << '\n';
      differences += counts.differences;
    }
  std::cout << "differences: " << differences << '\n';
  return differences == 0 ? 0 : 1;
}
