// SPDX-License-Identifier: Apache-2.0
#include "retrained_network.h"

#include <unistd.h>

#include <filesystem>
#include <utility>
#include <vector>

#include "octet/autograd/integers.h"
#include "octet/autograd/tape.h"
#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/compat/create_quant_retrain_config.h"
#include "octet/compat/create_quant_retrain_model.h"
#include "octet/compat/save_quant_retrain_model.h"
#include "octet/graph/infer_shapes.h"
#include "octet/graph/onnx_reader.h"
#include "octet/quant/qat_layers.h"

namespace octet::test {
namespace {

namespace fs = std::filesystem;

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

// Sits in the slot of a quantized layer as long as it lives. Quantizes the layer's input as the layer is about to,
// which then finds it quantized, and keeps a copy.
class Tap final : public Module {
 public:
  Tap(Child& slot, QatModule& layer, std::vector<std::vector<float>>& seen)
      : slot_(slot), layer_(layer), next_(slot.input_filter()), seen_(seen) {
    slot_.set_input_filter(this);
  }
  ~Tap() override { slot_.set_input_filter(next_); }

  Tensor forward(const Tensor& x) override { return x; }
  Tensor filter_input(const Tensor& x) override {
    const Tensor q = layer_.filter_input(next_ ? next_->filter_input(x) : x);
    require(activation_integers(q) != nullptr, layer_.type_name(), ": its input has no integers");
    seen_.push_back(q.to_vector());
    return q;
  }

 private:
  Child& slot_;
  QatModule& layer_;
  Module* const next_;
  std::vector<std::vector<float>>& seen_;
};

// What the quantizers of the model return for x, in the order in which they run.
std::vector<std::vector<float>> quantized_tensors(Module& model, const Tensor& x) {
  std::vector<std::vector<float>> seen;
  std::vector<std::unique_ptr<Tap>> taps;
  model.visit([&](const std::string&, Module& module) {
    for (const std::unique_ptr<Child>& child : module.children())
      // Layers that share a quantizer share what it returns: the first of them shows it.
      if (auto* const qat = dynamic_cast<QatModule*>(&child->module()); qat && !qat->quantizer_owner())
        taps.push_back(std::make_unique<Tap>(*child, *qat, seen));
  });
  model(x);
  return seen;
}

}  // namespace

RetrainedNetwork::RetrainedNetwork(Module& net, const Tensor& sample, const Options& options, const Retrain& retrain)
    : image_(sample.shape()) {
  const Folder folder;
  const fs::path definition = folder / "quant.yaml", config = folder / "quant.json", record = folder / "record.txt";
  write_file_atomically(definition, options.definition);
  create_quant_retrain_config(config, net, sample, definition);
  model_ = create_quant_retrain_model(config, net, record, sample, {.quantize_shortcuts = options.quantize_shortcuts});
  retrain(*model_, sample);
  graph_ = read_onnx_file(save_quant_retrain_model(config, *model_, record, folder / "net", sample).deploy);
  model_->eval();
}

Graph RetrainedNetwork::graph(std::int64_t batch) const {
  Graph graph = graph_;
  Shape shape = image_;
  shape[0] = batch;
  infer_shapes(graph, {&shape, 1});
  return graph;
}

Observations RetrainedNetwork::evaluate(std::span<const float> input, std::int64_t batch) const {
  const NoGrad no_grad;
  const std::vector<int> values = compared_values(graph_);
  Shape shape = image_;
  return in_batches(input, element_count(image_) / image_[0], batch, [&](auto images, std::int64_t count) {
    shape[0] = count;
    const Tensor x = Tensor::from_nchw(shape, images);
    std::vector<std::vector<float>> tensors = quantized_tensors(*model_, x);
    tensors.push_back((*model_)(x).to_vector());
    require(tensors.size() == values.size(), "the file quantizes ", values.size() - 1, " tensors, evaluation ",
            tensors.size() - 1);
    Observations seen;
    for (std::size_t i = 0; i < values.size(); ++i)
      seen.push_back({graph_.values[static_cast<std::size_t>(values[i])].name, std::move(tensors[i])});
    return seen;
  });
}

}  // namespace octet::test
