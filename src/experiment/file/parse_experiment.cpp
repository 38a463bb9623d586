// SPDX-License-Identifier: Apache-2.0
// parse_experiment of experiment.h: needs base and the readers of quant only, so that it can be fuzzed alone.
#include <algorithm>
#include <limits>
#include <utility>

#include "octet/base/counted.h"
#include "octet/base/error.h"
#include "octet/base/file_format.h"
#include "octet/base/nearest.h"
#include "octet/base/utf8.h"
#include "octet/compat/simplified_config.h"
#include "octet/config/fields.h"
#include "octet/data/known_datasets.h"
#include "octet/experiment/file/experiment.h"

namespace octet {
namespace {

constexpr IntRange kCount{1, std::numeric_limits<std::int32_t>::max()};
constexpr IntRange kSide{1, 8192};
constexpr RealRange kNotNegative{.min = 0};
constexpr RealRange kPositive{.min = 0, .open_min = true};
constexpr RealRange kShare{.min = 0, .max = 1};
constexpr RealRange kBelowOne{.min = 0, .max = 1, .open_max = true};
// What becomes a float stays away from its limits.
constexpr RealRange kMean{.min = -1e6, .max = 1e6};
constexpr RealRange kDeviation{.min = 1e-6, .max = 1e6};
constexpr RealRange kArea{.min = 1e-6, .max = 1};
constexpr RealRange kAspect{.min = 1e-3, .max = 1e3};

float get_float(Fields& fields, std::string_view key, RealRange range, float fallback) {
  return static_cast<float>(fields.get_real(key, range, fallback));
}

/// An integer for both sides, or [height, width].
Size2 get_size(Fields& fields, std::string_view key, std::optional<Size2> fallback = {}) {
  const Document* found = fields.find(key);
  if (!found && fallback) return *fallback;
  if (!found || found->kind() != Document::Kind::kList) return fields.get_int(key, kSide);
  const std::vector<std::int64_t> sides = fields.get_ints(key, kSide);
  if (sides.size() == 2) return {sides[0], sides[1]};
  fields.fail_at(key, "expected one size or [height, width]");
  return 1;
}

/// One number for all channels, or a list of one per channel.
std::vector<float> get_channels(Fields& fields, std::string_view key, RealRange range) {
  const Document* found = fields.find(key);
  std::vector<double> values;
  if (found && found->kind() == Document::Kind::kList) {
    values = fields.get_reals(key, range);
    if (values.empty()) fields.fail_at(key, "the list is empty");
  } else {
    values = {fields.get_real(key, range)};
  }
  return {values.begin(), values.end()};
}

// ---- data ----------------------------------------------------------------------------------------------------------

enum class DataKind { kFashionMnist, kCifar10, kCifar100, kImageFolder, kIdx, kSynthetic };

DataSource parse_source(Fields& data) {
  const auto kind = data.get_choice<DataKind>("kind", {{"fashion_mnist", DataKind::kFashionMnist},
                                                       {"cifar10", DataKind::kCifar10},
                                                       {"cifar100", DataKind::kCifar100},
                                                       {"image_folder", DataKind::kImageFolder},
                                                       {"idx", DataKind::kIdx},
                                                       {"synthetic", DataKind::kSynthetic}});
  switch (kind) {
    case DataKind::kFashionMnist:
      return FashionMnistSource{data.get_string("directory", kFashionMnistDirectory)};
    case DataKind::kCifar10:
      return Cifar10Source{data.get_string("directory")};
    case DataKind::kCifar100:
      return Cifar100Source{
          .directory = data.get_string("directory"),
          .coarse_labels = data.get_choice<bool>("labels", {{"fine", false}, {"coarse", true}}, false)};
    case DataKind::kImageFolder: {
      ImageFolderSource folder{data.get_string("train"), data.get_string("test"), data.get_int("channels", {1, 3}, 3),
                               data.get_choice<bool>("on_unreadable", {{"stop", false}, {"skip", true}}, false)};
      if (folder.channels == 2) data.fail_at("channels", "has to be 1 (grey) or 3 (colour) but is 2");
      return folder;
    }
    case DataKind::kIdx:
      return IdxSource{.train_images = data.get_string("train_images"),
                       .train_labels = data.get_string("train_labels"),
                       .test_images = data.get_string("test_images"),
                       .test_labels = data.get_string("test_labels"),
                       .class_names = data.get_strings("class_names", std::vector<std::string>())};
    case DataKind::kSynthetic:
      break;
  }
  return SyntheticSource{.train_samples = data.get_int("train_samples", kCount),
                         .test_samples = data.get_int("test_samples", kCount),
                         .size = get_size(data, "size", Size2(32)),
                         .channels = data.get_int("channels", {1, 64}, 3),
                         .classes = data.get_int("classes", {1, 10000}, 10),
                         .seed = data.get_int("seed", {.min = 0}, 0)};
}

/// What the data says about the network; 0 where only the files know.
struct DataFacts {
  std::int64_t channels = 0, classes = 0;
  bool known = true;  ///< false: the data is not known itself
};
DataFacts facts_of(const DataSource& data) {
  if (std::holds_alternative<FashionMnistSource>(data)) return {1, 10};
  if (std::holds_alternative<Cifar10Source>(data)) return {3, 10};
  if (const auto* cifar = std::get_if<Cifar100Source>(&data)) return {3, cifar->coarse_labels ? 20 : 100};
  if (const auto* folder = std::get_if<ImageFolderSource>(&data)) return {folder->channels, 0};
  if (const auto* idx = std::get_if<IdxSource>(&data)) return {0, static_cast<std::int64_t>(idx->class_names.size())};
  const auto& synthetic = std::get<SyntheticSource>(data);
  return {synthetic.channels, synthetic.classes};
}

// ---- transforms ----------------------------------------------------------------------------------------------------

enum class Step { kRandomCrop, kFlip, kRandomResizedCrop, kCenterCrop, kResize, kShorterSide, kNormalize, kErasing };

RandomResizedCrop parse_random_resized_crop(Fields& step) {
  RandomResizedCrop crop{.size = get_size(step, "size")};
  crop.min_scale = get_float(step, "min_scale", kArea, crop.min_scale);
  crop.max_scale = get_float(step, "max_scale", kArea, crop.max_scale);
  crop.min_ratio = step.get_real("min_ratio", kAspect, crop.min_ratio);
  crop.max_ratio = step.get_real("max_ratio", kAspect, crop.max_ratio);
  step.require_at(crop.min_scale <= crop.max_scale, "min_scale", "is greater than max_scale");
  step.require_at(crop.min_ratio <= crop.max_ratio, "min_ratio", "is greater than max_ratio");
  return crop;
}

RandomErasing parse_random_erasing(Fields& step) {
  RandomErasing erasing;
  erasing.p = get_float(step, "p", kShare, erasing.p);
  erasing.min_scale = get_float(step, "min_scale", kArea, erasing.min_scale);
  erasing.max_scale = get_float(step, "max_scale", kArea, erasing.max_scale);
  erasing.min_ratio = get_float(step, "min_ratio", kAspect, erasing.min_ratio);
  erasing.max_ratio = get_float(step, "max_ratio", kAspect, erasing.max_ratio);
  step.require_at(erasing.min_scale <= erasing.max_scale, "min_scale", "is greater than max_scale");
  step.require_at(erasing.min_ratio <= erasing.max_ratio, "min_ratio", "is greater than max_ratio");
  return erasing;
}

/// Steps on pixels, then at most one normalize, then at most one random_erasing: the order of Transform.
Transform parse_transforms(Fields& experiment, std::string_view key) {
  Transform transform;
  bool normalized = false;
  for (Fields& step : experiment.fields_list(key)) {
    const auto kind = step.get_choice<Step>("name", {{"random_crop", Step::kRandomCrop},
                                                     {"random_horizontal_flip", Step::kFlip},
                                                     {"random_resized_crop", Step::kRandomResizedCrop},
                                                     {"center_crop", Step::kCenterCrop},
                                                     {"resize", Step::kResize},
                                                     {"resize_shorter_side", Step::kShorterSide},
                                                     {"normalize", Step::kNormalize},
                                                     {"random_erasing", Step::kErasing}});
    if (!step.sound()) {
      step.finish();
      continue;
    }
    if (transform.erasing) step.fail_at("name", "nothing may follow random_erasing");
    if (normalized && kind != Step::kErasing) step.fail_at("name", "only random_erasing may follow normalize");
    switch (kind) {
      case Step::kRandomCrop:
        transform.steps.push_back(
            RandomCrop{.size = get_size(step, "size"), .padding = step.get_int("padding", {0, 8192}, 0)});
        break;
      case Step::kFlip:
        transform.steps.push_back(RandomHorizontalFlip{get_float(step, "p", kShare, RandomHorizontalFlip().p)});
        break;
      case Step::kRandomResizedCrop:
        transform.steps.push_back(parse_random_resized_crop(step));
        break;
      case Step::kCenterCrop:
        transform.steps.push_back(CenterCrop{get_size(step, "size")});
        break;
      case Step::kResize:
        transform.steps.push_back(Resize{get_size(step, "size")});
        break;
      case Step::kShorterSide:
        transform.steps.push_back(ResizeShorterSide{step.get_int("length", kSide)});
        break;
      case Step::kNormalize:
        transform.normalize.mean = get_channels(step, "mean", kMean);
        transform.normalize.stddev = get_channels(step, "std", kDeviation);
        normalized = true;
        break;
      case Step::kErasing:
        transform.erasing = parse_random_erasing(step);
        break;
    }
    step.finish();
  }
  return transform;
}

// ---- model, optimizer, schedule ------------------------------------------------------------------------------------

ModelSpec parse_model(Fields& model, const DataFacts& facts, std::span<const std::string> known_models) {
  const auto from_data = [&](std::int64_t known) {
    return known || !facts.known ? std::optional(std::max<std::int64_t>(known, 1)) : std::nullopt;
  };
  ModelSpec spec{.name = model.get_string("name"), .options = {}};
  std::string names;
  for (const std::string& known : known_models) names += (names.empty() ? "" : ", ") + known;
  model.require_at(
      std::find(known_models.begin(), known_models.end(), spec.name) != known_models.end(), "name",
      text("expected one of ", names, ", got ", in_quotes(spec.name), did_you_mean(spec.name, known_models)));
  spec.options.in_channels = model.get_int("in_channels", {1, 1024}, from_data(facts.channels));
  spec.options.num_classes = model.get_int("num_classes", {1, 1'000'000}, from_data(facts.classes));
  spec.options.zero_init_residual = model.get_bool("zero_init_residual", false);
  model.require_at(
      !facts.channels || spec.options.in_channels == facts.channels, "in_channels",
      text("is ", spec.options.in_channels, ", but the images of data.kind have ", counted(facts.channels, "channel")));
  model.require_at(!facts.classes || spec.options.num_classes == facts.classes, "num_classes",
                   text("is ", spec.options.num_classes, ", but the data of data.kind has ",
                        counted(facts.classes, "class", "classes")));
  model.finish();
  return spec;
}

OptimizerSpec parse_optimizer(Fields& optimizer) {
  enum class Kind { kSgd, kAdamW };
  OptimizerSpec spec{};
  if (optimizer.get_choice<Kind>("name", {{"sgd", Kind::kSgd}, {"adamw", Kind::kAdamW}}) == Kind::kSgd) {
    SGD::Options sgd{.lr = optimizer.get_real("lr", kPositive)};
    sgd.momentum = optimizer.get_real("momentum", kBelowOne, sgd.momentum);
    sgd.dampening = optimizer.get_real("dampening", kShare, sgd.dampening);
    sgd.weight_decay = optimizer.get_real("weight_decay", kNotNegative, sgd.weight_decay);
    sgd.nesterov = optimizer.get_bool("nesterov", sgd.nesterov);
    optimizer.require_at(!sgd.nesterov || (sgd.momentum > 0 && sgd.dampening == 0), "nesterov",
                         "needs a momentum above 0 and a dampening of 0");
    spec.options = sgd;
  } else {
    AdamW::Options adamw;
    adamw.lr = optimizer.get_real("lr", kPositive, adamw.lr);
    adamw.beta1 = optimizer.get_real("beta1", kBelowOne, adamw.beta1);
    adamw.beta2 = optimizer.get_real("beta2", kBelowOne, adamw.beta2);
    adamw.eps = optimizer.get_real("eps", kPositive, adamw.eps);
    adamw.weight_decay = optimizer.get_real("weight_decay", kNotNegative, adamw.weight_decay);
    spec.options = adamw;
  }
  spec.decay_norms_and_biases = optimizer.get_bool("decay_norms_and_biases", false);
  optimizer.finish();
  return spec;
}

/// `epochs` of the run; none if they are not known.
ScheduleSpec parse_schedule(Fields& schedule, std::optional<std::int64_t> epochs) {
  enum class Kind { kConstant, kStep, kCosine, kOneCycle };
  ScheduleSpec spec;
  const auto kind = schedule.get_choice<Kind>(
      "name",
      {{"constant", Kind::kConstant}, {"step", Kind::kStep}, {"cosine", Kind::kCosine}, {"one_cycle", Kind::kOneCycle}},
      Kind::kConstant);
  if (kind == Kind::kStep) {
    StepSpec step{.milestones = schedule.get_ints("milestones", kCount)};
    step.gamma = schedule.get_real("gamma", kPositive, step.gamma);
    const auto not_greater = [](std::int64_t a, std::int64_t b) { return a >= b; };
    schedule.require_at(
        std::adjacent_find(step.milestones.begin(), step.milestones.end(), not_greater) == step.milestones.end(),
        "milestones", "each has to be greater than the one before");
    spec.curve = step;
  } else if (kind == Kind::kCosine) {
    spec.curve = CosineSpec{schedule.get_real("eta_min", kNotNegative, 0.0)};
  } else if (kind == Kind::kOneCycle) {
    OneCycleSpec cycle;
    cycle.pct_start = schedule.get_real("pct_start", kShare, cycle.pct_start);
    cycle.div_factor = schedule.get_real("div_factor", kPositive, cycle.div_factor);
    cycle.final_div_factor = schedule.get_real("final_div_factor", kPositive, cycle.final_div_factor);
    spec.curve = cycle;
  }
  if (kind != Kind::kOneCycle) {
    spec.warmup.epochs = schedule.get_real("warmup_epochs", kNotNegative, spec.warmup.epochs);
    spec.warmup.start_factor =
        schedule.get_real("warmup_start_factor", {.min = 0, .max = 1, .open_min = true}, spec.warmup.start_factor);
    schedule.require_at(!epochs || spec.warmup.epochs < static_cast<double>(*epochs), "warmup_epochs",
                        text("has to be less than epochs (", epochs.value_or(0), ")"));
  }
  schedule.finish();
  return spec;
}

QuantizationSpec parse_quantization(Fields& quantization) {
  QuantizationSpec spec{.weights = quantization.get_string("weights"),
                        .config = quantization.get_string("config", ""),
                        .quantize_shortcuts = quantization.get_bool("shortcuts", false),
                        .deploy = quantization.get_bool("deploy", true)};
  quantization.require_at(!spec.weights.empty(), "weights", "is empty");
  if (const Document* const definition = quantization.find("definition")) {
    quantization.require_at(spec.config.empty(), "definition", "excludes config");
    // An inline one is checked here, where its lines are known; a file is read when the run begins.
    if (definition->kind() != Document::Kind::kString)
      quantization.attempt("definition", *definition, parse_quant_document);
    spec.definition = *definition;
  }
  quantization.finish();
  return spec;
}

/// Experiments that people write say no format. Of a newer one no key is judged: it may have others.
void require_format(Fields& experiment) {
  const Document* const said = experiment.find(kFormatKey);
  if (said) require_readable(kExperimentFormat, said->as_string(), said->position().to_string());
}

std::string parse_name(Fields& experiment) {
  std::string name = experiment.get_string("name");
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  };
  if (name.empty() || name.front() == '.' || !std::all_of(name.begin(), name.end(), fits))
    experiment.fail_at("name", "has to be made of letters, digits, '-', '_' and '.', and not start with '.'");
  return name;
}

std::string parse_run_dir(Fields& experiment) {
  const std::string run_dir = experiment.get_string("run_dir", "runs/{name}");
  if (run_dir.empty()) experiment.fail_at("run_dir", "is empty");
  for (std::size_t at = run_dir.find('{'); at != std::string::npos; at = run_dir.find('{', at + 1)) {
    const std::string rest = run_dir.substr(at);
    if (!rest.starts_with("{name}") && !rest.starts_with("{seed}"))
      experiment.fail_at("run_dir", "only {name} and {seed} may be in braces");
  }
  return run_dir;
}

}  // namespace

Experiment parse_experiment(const Document& document, std::span<const std::string> known_models) {
  Mistakes mistakes;
  Fields top(document, "", mistakes);
  Experiment e{};
  require_format(top);
  e.name = parse_name(top);
  e.seed = top.get_int("seed", {.min = 0}, 1);
  Fields data = top.section("data");
  e.data = parse_source(data);
  data.finish();
  Fields model = top.section("model");
  e.model = parse_model(model, data.sound() ? facts_of(e.data) : DataFacts{.known = false}, known_models);
  e.epochs = top.get_int("epochs", {1, 1'000'000});
  const bool epochs_known = top.sound();
  e.batch_size = top.get_int("batch_size", {1, 65536});
  if (top.has("max_steps")) e.max_steps = top.get_int("max_steps", {.min = 1});
  e.train_transforms = parse_transforms(top, "train_transforms");
  e.test_transforms = parse_transforms(top, "test_transforms");
  Fields optimizer = top.section("optimizer");
  e.optimizer = parse_optimizer(optimizer);
  Fields schedule = top.fields("schedule");
  e.schedule = parse_schedule(schedule, epochs_known ? std::optional(e.epochs) : std::nullopt);
  e.label_smoothing = top.get_real("label_smoothing", kBelowOne, 0.0);
  if (top.has("grad_clip")) e.grad_clip = top.get_real("grad_clip", kPositive);
  e.eval_batch_size = top.get_int("eval_batch_size", {1, 65536}, 256);
  if (top.has("quantization")) {
    Fields quantization = top.fields("quantization");
    e.quantization = parse_quantization(quantization);
    e.quantization->train_transforms_of_float = !top.has("train_transforms");
    e.quantization->test_transforms_of_float = !top.has("test_transforms");
  }
  e.workers = top.get_int("workers", {0, 256}, 2);
  e.checkpoint_every = top.get_int("checkpoint_every", kCount, 1);
  e.log_every = top.get_int("log_every", kCount, 50);
  e.run_dir = parse_run_dir(top);
  top.finish();
  mistakes.throw_if_any(document.position().source ? *document.position().source : "");
  return e;
}

}  // namespace octet
