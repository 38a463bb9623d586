// SPDX-License-Identifier: Apache-2.0
// Retrains the ResNet of train_resnet.cpp in 8 bits. The README shows this program.
#include <cstdio>

#include "octet/octet.h"

using namespace octet;

int main() try {
  Rng rng(1);
  const auto net = make_model("resnet8", {.in_channels = 1, .num_classes = 10}, rng);
  load_weights(*net, "resnet8.safetensors");
  const Transform transform{.normalize = {{0.286F}, {0.353F}}};
  DataLoader train(fashion_mnist(Split::kTrain), {.batch_size = 128, .shuffle = true, .seed = 1}, transform);
  const DataLoader test(fashion_mnist(Split::kTest), {.batch_size = 250}, transform);

  const Tensor sample = Tensor::zeros({1, 1, 28, 28});
  create_quant_retrain_config("quant.json", *net, sample);  // what is quantized, and how: yours to edit
  const auto qat = create_quant_retrain_model("quant.json", *net, "record.txt", sample);
  SGD sgd(*qat, {.lr = 0.01, .momentum = 0.9});
  for (const auto& [images, labels] : train) {
    const Tensor loss = cross_entropy((*qat)(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }
  write_record_file("record.txt", quant_record(*qat));  // every layer's scales and offset

  Observer quiet;
  std::printf("accuracy: %.2f %% in floats before", 100 * evaluate(*net, test, quiet)->accuracy);
  std::printf(", %.2f %% in 8 bits\n", 100 * evaluate(*qat, test, quiet)->accuracy);
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
