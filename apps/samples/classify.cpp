// SPDX-License-Identifier: Apache-2.0
// Classifies an image with ResNet-18 weights that PyTorch saved:
//
//   python3 -c "import torchvision, safetensors.torch as s;
//               s.save_file(torchvision.models.resnet18(weights='DEFAULT').state_dict(), 'resnet18.safetensors')"
//   sample_classify resnet18.safetensors photo.jpg
#include <algorithm>
#include <cstdio>
#include <numeric>

#include "octet/data/image_file.h"
#include "octet/octet.h"

using namespace octet;

int main(int argc, char** argv) try {
  if (argc != 3) {
    std::fprintf(stderr, "usage: sample_classify resnet18.safetensors image\n");
    return 2;
  }
  Rng rng(1);
  const auto net = make_model("resnet18", {.in_channels = 3, .num_classes = 1000}, rng);
  load_weights(*net, argv[1]);
  net->eval();

  const Transform as_torchvision{.steps = {ResizeShorterSide{256}, CenterCrop{224}},
                                 .normalize = {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}}};
  const NoGrad no_grad;
  const Tensor x = to_tensor(read_image(argv[2], 3), as_torchvision, rng);
  const std::vector<float> probabilities = softmax((*net)(x)).to_vector();

  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::partial_sort(order, order.begin() + 5, std::greater<>(),
                            [&](std::size_t i) { return probabilities[i]; });
  for (std::size_t i = 0; i < 5; ++i)
    std::printf("class %4zu  %5.1f %%\n", order[i], 100.0 * static_cast<double>(probabilities[order[i]]));
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
