// SPDX-License-Identifier: Apache-2.0
// Experiment: everything that decides what a training run computes, as plain values, and its YAML form.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "octet/base/shape.h"
#include "octet/config/document.h"
#include "octet/data/transform.h"
#include "octet/nn/models.h"
#include "octet/nn/optim.h"

namespace octet {

/// Fashion-MNIST's four IDX files.
struct FashionMnistSource {
  std::string directory;
};
struct Cifar10Source {
  std::string directory;
};
struct Cifar100Source {
  std::string directory;
  bool coarse_labels = false;  ///< 20 classes instead of 100
};
/// One folder per class in each of the two.
struct ImageFolderSource {
  std::string train, test;
  std::int64_t channels = 3;
  bool skip_unreadable = false;  ///< leave out images that cannot be read, instead of refusing them before training
};
struct IdxSource {
  std::string train_images, train_labels, test_images, test_labels;
  std::vector<std::string> class_names = {};  ///< empty: labels are numbered
};
/// Made-up images (data/synthetic.h).
struct SyntheticSource {
  std::int64_t train_samples, test_samples;
  Size2 size = 32;
  std::int64_t channels = 3, classes = 10;
  std::int64_t seed = 0;
};
using DataSource =
    std::variant<FashionMnistSource, Cifar10Source, Cifar100Source, ImageFolderSource, IdxSource, SyntheticSource>;

/// A linear warm-up before a schedule; see Schedule::with_warmup().
struct WarmupSpec {
  double epochs = 0.0;
  double start_factor = 1.0 / 3;
};
/// The schedules of nn/schedule.h with lengths in epochs, until the number of steps in one is known. The optimizer's
/// lr is their base_lr or max_lr.
struct ConstantSpec {};
struct StepSpec {
  std::vector<std::int64_t> milestones;  ///< epochs of the run, warm-up included; ascending
  double gamma = 0.1;
};
struct CosineSpec {
  double eta_min = 0.0;
};
struct OneCycleSpec {
  double pct_start = 0.3, div_factor = 25.0, final_div_factor = 1e4;
};
struct ScheduleSpec {
  std::variant<ConstantSpec, StepSpec, CosineSpec, OneCycleSpec> curve = ConstantSpec{};
  WarmupSpec warmup = {};  ///< OneCycleSpec has its own
};

struct ModelSpec {
  std::string name;
  ModelOptions options;
};

struct OptimizerSpec {
  std::variant<SGD::Options, AdamW::Options> options;
  bool decay_norms_and_biases = false;  ///< PyTorch's default is true; networks with BatchNorm learn better without

  double lr() const {
    return std::visit([](const auto& o) { return o.lr; }, options);
  }
};

/// Retraining: which float network it starts from, and how that is quantized.
struct QuantizationSpec {
  std::string weights;       ///< a run directory or a weights file
  std::string config = {};   ///< file with the configuration of every layer; "": one is made from `definition`
  Document definition = {};  ///< simplified configuration: a map, or the path of a file as a string; null: defaults
  bool quantize_shortcuts = false;  ///< as in QuantRetrainOptions
  bool deploy = true;               ///< refuse to train what could not be deployed; without influence on results

  /// The experiment does not say these transforms: they are those of the float run, see with_float_transforms().
  bool train_transforms_of_float = false, test_transforms_of_float = false;
  std::string also_looked_for = {};  ///< where the weights were looked for, too, if they are nowhere; for messages
};

struct Experiment {
  std::string name;  ///< letters, digits, '-', '_' and '.'
  std::int64_t seed = 1;
  ModelSpec model;
  DataSource data;
  std::int64_t epochs, batch_size;
  std::optional<std::int64_t> max_steps = {};  ///< ends the run earlier; the schedule then ends with it
  Transform train_transforms = {}, test_transforms = {};
  OptimizerSpec optimizer;
  ScheduleSpec schedule = {};
  double label_smoothing = 0.0;
  std::optional<double> grad_clip = {};  ///< the largest norm of all gradients together
  std::int64_t eval_batch_size = 256;
  std::optional<QuantizationSpec> quantization = {};  ///< none: a float network is trained from its initial weights

  // The rest has no influence on results; a resumed run may have it otherwise.
  std::int64_t workers = 2;           ///< threads that read and transform images
  std::int64_t checkpoint_every = 1;  ///< epochs
  std::int64_t log_every = 50;        ///< steps between lines in log.jsonl
  std::string run_dir;                ///< "runs/{name}"; {name} and {seed} are replaced
};

/// Reads an experiment from its YAML (or JSON) form. Throws one Error that says, with file, line and column, every
/// missing and unknown key, and every value of the wrong kind or out of range; `known_models` are the names that
/// model.name may have. Paths stay as they are.
Experiment parse_experiment(const Document& document, std::span<const std::string> known_models);

/// Every key of the experiment with its value, defaults included. parse_experiment() reads it back to the same values.
Document to_document(const Experiment& experiment);

/// One `--set optimizer.lr=0.1`.
struct Override {
  std::string key, value;
};

/// Reads a file (.json as JSON, everything else as YAML) with some values replaced. All paths become absolute:
///   - files that the file names (data, weights, quantization.config, quantization.definition) are relative to its
///   folder;
///   - paths in `overrides` are relative to the working directory;
///   - quantization.weights is a run directory relative to the working directory if there is one, else a file.
/// run_dir stays as it is: a run directory is relative to the working directory. Transforms that a retraining leaves
/// out are read from the float run. Throws Error as parse_experiment(), and if that run is not there or has none.
Experiment read_experiment(const std::filesystem::path& path, std::span<const Override> overrides = {});

/// The experiment with those transforms of its float run that it leaves to it. Throws Error (key, file) if the weights
/// are missing or do not say by which experiment they were trained.
Experiment with_float_transforms(Experiment experiment);

/// The experiment with every relative path of it made absolute: those of a program's own are relative to the working
/// directory.
Experiment with_absolute_paths(Experiment experiment);

/// Where two experiments, in the form of to_document(), would not compute the same: "optimizer.lr: 0.1 and 0.3", one
/// line per key. What has no influence on results is left out, and so are the paths of data: hashes say what is in
/// there.
std::vector<std::string> differences(const Document& a, const Document& b);

}  // namespace octet
