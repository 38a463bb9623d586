// SPDX-License-Identifier: Apache-2.0
// Trains a small ResNet on Fashion-MNIST for one epoch and saves its weights. The README shows this program.
#include <cstdio>

#include "octet/octet.h"

using namespace octet;

int main() try {
  Rng rng(1);
  const auto net = make_model("resnet8", {.in_channels = 1, .num_classes = 10}, rng);
  DataLoader train(
      fashion_mnist(Split::kTrain), {.batch_size = 128, .shuffle = true, .seed = 1},
      {.steps = {RandomCrop{.size = 28, .padding = 2}, RandomHorizontalFlip{}}, .normalize = {{0.286F}, {0.353F}}});
  SGD sgd(*net, {.lr = 0.1, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  const Schedule schedule = OneCycleSchedule{.max_lr = 0.1, .total_steps = train.batches()};

  std::int64_t step = 0;
  for (const auto& [images, labels] : train) {
    sgd.set_lr(schedule.lr(step));
    const Tensor loss = cross_entropy((*net)(images), labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
    if (step++ % 100 == 0) std::printf("step %3d  loss %.3f\n", static_cast<int>(step), loss.item());
  }
  save_weights(*net, "resnet8.safetensors");
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
