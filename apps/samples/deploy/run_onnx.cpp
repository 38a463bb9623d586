// SPDX-License-Identifier: Apache-2.0
// run_onnx MODEL.onnx VALUES: runs a deployed network on raw float32 values (channels first) and prints what comes out.
// It links octet::deploy alone: no tape, no layers, no quantizers.
#include <cstring>
#include <exception>
#include <iostream>
#include <vector>

#include "octet/base/file.h"
#include "octet/deploy/model.h"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: run_onnx MODEL.onnx VALUES\n";
    return 2;
  }
  try {
    const std::string bytes = octet::read_file(argv[2], std::uint64_t{1} << 30);
    std::vector<float> image(bytes.size() / sizeof(float));
    std::memcpy(image.data(), bytes.data(), image.size() * sizeof(float));
    for (const float value : octet::deploy::Model::load(argv[1]).run(image)) std::cout << value << '\n';
  } catch (const std::exception& error) {
    std::cerr << "run_onnx: " << error.what() << '\n';
    return 1;
  }
}
