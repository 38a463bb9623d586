// SPDX-License-Identifier: Apache-2.0
#include "retrained_network.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>

#include "octet/autograd/ops.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/data/batch.h"
#include "octet/data/known_datasets.h"
#include "octet/deploy/model.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"
#include "octet/quant/create_quant_retrain_config.h"
#include "octet/quant/create_quant_retrain_model.h"
#include "octet/quant/save_quant_retrain_model.h"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

constexpr int kSteps = 12, kRetrainSteps = 12;
constexpr std::int64_t kTrainBatch = 32, kOracleImages = 8;

Batch images_of(const Dataset& data, std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), first);
  return make_batch(data, indices, {.normalize = {.mean = {0.286F}, .stddev = {0.353F}}}, Rng(1));
}

void train(Module& net, const Dataset& data, int steps, double lr) {
  net.train();
  SGD sgd(net, {.lr = lr, .momentum = 0.9});
  for (int i = 0; i < steps; ++i) {
    const Batch batch = images_of(data, i * kTrainBatch, kTrainBatch);
    const Tensor loss = cross_entropy(net(batch.images), batch.labels);
    sgd.zero_grad();
    loss.backward();
    sgd.step();
  }
}

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / text("octet_exactness_", getpid())) { fs::create_directories(path_); }
  ~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

}  // namespace

void compare_retrained_network(bool quantize_shortcuts, std::int64_t images, std::int64_t batch,
                               ExactnessCounts& counts) {
  const auto training = fashion_mnist(Split::kTrain), data = fashion_mnist(Split::kTest);
  Rng rng(7);
  const auto net = make_model("resnet20", {.in_channels = 1, .num_classes = 10}, rng);
  train(*net, *training, kSteps, 0.05);
  const Folder folder;
  const Tensor sample = images_of(*data, 0, 1).images;
  create_quant_retrain_config(folder / "quant.json", *net, sample);
  const auto retrained = create_quant_retrain_model(folder / "quant.json", *net, folder / "record.txt", sample,
                                                    {.quantize_shortcuts = quantize_shortcuts});
  train(*retrained, *training, kRetrainSteps, 0.01);
  const SavedModels saved =
      save_quant_retrain_model(folder / "quant.json", *retrained, folder / "record.txt", folder / "net", sample);
  const deploy::Model deployed = deploy::Model::load(saved.deploy);

  retrained->eval();
  const NoGrad no_grad;
  const std::string name = text("retrained ResNet-20, shortcuts ", quantize_shortcuts ? "quantized" : "in float");
  ++counts.networks;
  for (std::int64_t first = 0; first < images; first += batch) {
    const std::int64_t count = std::min(batch, images - first);
    const Tensor x = images_of(*data, first, count).images;
    compare_values(text(name, ", images from ", first), (*retrained)(x).to_vector(), deployed.run(x.to_vector(), count),
                   counts);
  }
  const std::int64_t count = std::min(kOracleImages, images);
  const Tensor x = images_of(*data, 0, count).images;
  Graph graph = read_onnx_file(saved.deploy);
  infer_shapes(graph, {&x.shape(), 1});
  compare_network(name + " (oracle)", graph, x.to_vector(), count, counts);
}

}  // namespace octet::test
