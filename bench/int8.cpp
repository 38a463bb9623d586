// SPDX-License-Identifier: Apache-2.0
// bench_int8 MODEL BATCH INPUT OUTPUT: runs a model on float32 values of a file, writes the result's, and then, for
// each line "REPETITIONS" on its input, prints the median milliseconds of that many runs. bench/int8.py drives it in
// turn with its peers.
#include <cstdint>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "octet/base/file.h"
#include "octet/deploy/model.h"
#include "octet/experiment/report/run_times.h"

namespace {

std::vector<float> read_floats(const char* path) {
  const std::string bytes = octet::read_file(path, std::uint64_t{4} << 30);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::cerr << "usage: bench_int8 MODEL BATCH INPUT OUTPUT\n";
    return 2;
  }
  try {
    const octet::deploy::Model model = octet::deploy::Model::load(argv[1]);
    const std::int64_t batch = std::stoll(argv[2]);
    const std::vector<float> input = read_floats(argv[3]);
    const std::vector<float> output = model.run(input, batch);
    octet::write_file_atomically(argv[4],
                                 {reinterpret_cast<const char*>(output.data()), output.size() * sizeof(float)});
    std::cout << "ready" << std::endl;
    for (int repetitions = 0; std::cin >> repetitions;)
      std::cout << octet::median_milliseconds(model, input, batch, repetitions) << std::endl;
  } catch (const std::exception& error) {
    std::cerr << "bench_int8: " << error.what() << '\n';
    return 1;
  }
}
