// SPDX-License-Identifier: Apache-2.0
// Trains, quantizes and deploys a little, and prints hashes of what came out. It is built with several options of the
// compiler: they are the stranger's, and Octet's numbers must not depend on them.
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

#include "octet/base/sha256.h"
#include "octet/deploy/model.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/octet.h"
#include "octet/quant/activation_ranges.h"
#include "octet/quant/scale_offset.h"

namespace {

template <typename Numbers>
void print(const char* what, const Numbers& numbers) {
  octet::Sha256 hash;
  hash.update(std::as_bytes(std::span(numbers)));
  std::printf("%s %s\n", what, hash.hex_digest().c_str());
}

std::vector<float> uniforms(octet::Rng& rng, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = rng.uniform(-0.7F, 1.3F);
  return values;
}

void print_random_numbers() {
  octet::Rng rng(3);
  print("uniform", uniforms(rng, 10000));
  std::vector<float> normals(1000);
  for (float& normal : normals) normal = rng.normal();
  print("normal", normals);
}

void print_schedule() {
  const octet::Schedule schedule =
      octet::Schedule(octet::CosineSchedule{.base_lr = 0.1, .total_steps = 100, .eta_min = 0.001}).with_warmup(7);
  std::vector<double> rates;
  for (std::int64_t step = 0; step < 110; ++step) rates.push_back(schedule.lr(step));
  print("schedule", rates);
}

void print_grids() {
  std::vector<float> scales;
  for (const int bits : {4, 8, 16}) {
    const octet::IntegerRange range{bits};
    scales.insert(scales.end(), {range.low(), range.high(), range.steps()});
    scales.push_back(octet::scale_offset(1.7F, -0.3F, bits, octet::Symmetry::kAsymmetric).scale);
  }
  scales.push_back(static_cast<float>(octet::ActivationRange{"", {}, 7, 3}.clipped_share()));
  print("grids", scales);
}

void print_network() {
  octet::Rng rng(1);
  const auto net = octet::make_model("resnet8", {.in_channels = 3, .num_classes = 10}, rng);
  const octet::Tensor x = octet::Tensor::from_nchw({4, 3, 32, 32}, uniforms(rng, 4 * 3 * 32 * 32));
  const std::vector<std::int64_t> labels = {1, 2, 3, 4};
  octet::create_quant_retrain_config("bits_config.json", *net, x);
  const auto qat = octet::create_quant_retrain_model("bits_config.json", *net, "bits_record.txt", x);
  for (octet::Module* module : {net.get(), qat.get()}) {
    octet::SGD sgd(*module, {.lr = 0.05, .momentum = 0.9});
    for (int step = 0; step < 3; ++step) {
      const octet::Tensor loss = octet::cross_entropy((*module)(x), labels);
      sgd.zero_grad();
      loss.backward();
      sgd.step();
    }
    std::printf("trained %s\n", octet::weights_hash(*module).c_str());
  }
  octet::save_quant_retrain_model("bits_config.json", *qat, "bits_record.txt", "bits", x);
  print("deployed", octet::deploy::Model::load("bits_deploy_model.onnx").run(x.to_nchw(), 4));
}

}  // namespace

int main() {
  print_random_numbers();
  print_schedule();
  print_grids();
  print_network();
}
