// SPDX-License-Identifier: Apache-2.0
// A model of your own: a convolutional autoencoder that squeezes 28x28 images through 7x7x8 numbers and draws them
// again with ConvTranspose2d. Prints the mean squared error as it falls.
#include <cstdio>

#include "octet/octet.h"

using namespace octet;

class Autoencoder final : public Module {
 public:
  explicit Autoencoder(Rng& rng)
      : encode1_(add<Conv2d>("encode1",
                             {.in_channels = 1, .out_channels = 16, .kernel_size = 3, .stride = 2, .padding = 1}, rng)),
        encode2_(add<Conv2d>("encode2",
                             {.in_channels = 16, .out_channels = 8, .kernel_size = 3, .stride = 2, .padding = 1}, rng)),
        decode1_(add<ConvTranspose2d>(
            "decode1", {.in_channels = 8, .out_channels = 16, .kernel_size = 4, .stride = 2, .padding = 1}, rng)),
        decode2_(add<ConvTranspose2d>(
            "decode2", {.in_channels = 16, .out_channels = 1, .kernel_size = 4, .stride = 2, .padding = 1}, rng)) {}

  Tensor forward(const Tensor& x) override {
    const Tensor code = relu(encode2_(relu(encode1_(x))));
    return decode2_(relu(decode1_(code)));
  }
  std::string type_name() const override { return "Autoencoder"; }
  std::unique_ptr<Module> clone() const override {
    Rng rng(0);  // the weights are copied over
    return copy_state_to(std::make_unique<Autoencoder>(rng));
  }

 private:
  Child &encode1_, &encode2_, &decode1_, &decode2_;
};

int main() try {
  Rng rng(1);
  Autoencoder net(rng);
  DataLoader images(fashion_mnist(Split::kTest), {.batch_size = 64, .shuffle = true, .seed = 1});
  AdamW adam(net, {.lr = 2e-3});
  for (int epoch = 0; epoch < 2; ++epoch) {
    images.set_epoch(epoch);
    double sum = 0.0;
    for (const auto& [x, labels] : images) {
      const Tensor loss = mse_loss(net(x), x);
      adam.zero_grad();
      loss.backward();
      adam.step();
      sum += loss.item();
    }
    std::printf("epoch %d  mean squared error %.4f\n", epoch, sum / static_cast<double>(images.batches()));
  }
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
