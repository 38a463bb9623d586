// SPDX-License-Identifier: Apache-2.0
// to_document and differences of experiment.h.
#include <charconv>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "octet/base/error.h"
#include "octet/base/file_format.h"
#include "octet/base/utf8.h"
#include "octet/experiment/file/experiment.h"

namespace octet {
namespace {

/// The number with the fewest digits that is the same float: 0.353, not 0.3529999852180481.
double shortest(float value) {
  char digits[64];
  const auto written = std::to_chars(digits, digits + sizeof digits, value);
  double number = value;
  std::from_chars(digits, written.ptr, number);
  return number;
}

Document write(const Size2& size) { return Document::list({size.h, size.w}); }

Document write(const std::vector<float>& values) {
  Document list = Document::list();
  for (float value : values) list.append(shortest(value));
  return list;
}

template <typename T>
Document write_list(const std::vector<T>& values) {
  Document list = Document::list();
  for (const T& value : values) list.append(value);
  return list;
}

Document write(const FashionMnistSource& s) {
  return Document::map({{"kind", "fashion_mnist"}, {"directory", s.directory}});
}
Document write(const Cifar10Source& s) { return Document::map({{"kind", "cifar10"}, {"directory", s.directory}}); }
Document write(const Cifar100Source& s) {
  return Document::map(
      {{"kind", "cifar100"}, {"directory", s.directory}, {"labels", s.coarse_labels ? "coarse" : "fine"}});
}
Document write(const ImageFolderSource& s) {
  return Document::map({{"kind", "image_folder"},
                        {"train", s.train},
                        {"test", s.test},
                        {"channels", s.channels},
                        {"on_unreadable", s.skip_unreadable ? "skip" : "stop"}});
}
Document write(const IdxSource& s) {
  return Document::map({{"kind", "idx"},
                        {"train_images", s.train_images},
                        {"train_labels", s.train_labels},
                        {"test_images", s.test_images},
                        {"test_labels", s.test_labels},
                        {"class_names", write_list(s.class_names)}});
}
Document write(const SyntheticSource& s) {
  return Document::map({{"kind", "synthetic"},
                        {"train_samples", s.train_samples},
                        {"test_samples", s.test_samples},
                        {"size", write(s.size)},
                        {"channels", s.channels},
                        {"classes", s.classes},
                        {"seed", s.seed}});
}

Document write(const RandomCrop& s) {
  return Document::map({{"name", "random_crop"}, {"size", write(s.size)}, {"padding", s.padding}});
}
Document write(const RandomHorizontalFlip& s) {
  return Document::map({{"name", "random_horizontal_flip"}, {"p", shortest(s.p)}});
}
Document write(const RandomResizedCrop& s) {
  return Document::map({{"name", "random_resized_crop"},
                        {"size", write(s.size)},
                        {"min_scale", shortest(s.min_scale)},
                        {"max_scale", shortest(s.max_scale)},
                        {"min_ratio", s.min_ratio},
                        {"max_ratio", s.max_ratio}});
}
Document write(const CenterCrop& s) { return Document::map({{"name", "center_crop"}, {"size", write(s.size)}}); }
Document write(const Resize& s) { return Document::map({{"name", "resize"}, {"size", write(s.size)}}); }
Document write(const ResizeShorterSide& s) {
  return Document::map({{"name", "resize_shorter_side"}, {"length", s.length}});
}
Document write(const RandomErasing& s) {
  return Document::map({{"name", "random_erasing"},
                        {"p", shortest(s.p)},
                        {"min_scale", shortest(s.min_scale)},
                        {"max_scale", shortest(s.max_scale)},
                        {"min_ratio", shortest(s.min_ratio)},
                        {"max_ratio", shortest(s.max_ratio)}});
}

Document write(const Transform& transform) {
  Document steps = Document::list();
  for (const ImageStep& step : transform.steps) steps.append(std::visit([](const auto& s) { return write(s); }, step));
  steps.append(Document::map(
      {{"name", "normalize"}, {"mean", write(transform.normalize.mean)}, {"std", write(transform.normalize.stddev)}}));
  if (transform.erasing) steps.append(write(*transform.erasing));
  return steps;
}

Document write(const ModelSpec& model) {
  return Document::map({{"name", model.name},
                        {"in_channels", model.options.in_channels},
                        {"num_classes", model.options.num_classes},
                        {"zero_init_residual", model.options.zero_init_residual}});
}

Document write(const SGD::Options& sgd) {
  return Document::map({{"name", "sgd"},
                        {"lr", sgd.lr},
                        {"momentum", sgd.momentum},
                        {"dampening", sgd.dampening},
                        {"weight_decay", sgd.weight_decay},
                        {"nesterov", sgd.nesterov}});
}
Document write(const AdamW::Options& adamw) {
  return Document::map({{"name", "adamw"},
                        {"lr", adamw.lr},
                        {"beta1", adamw.beta1},
                        {"beta2", adamw.beta2},
                        {"eps", adamw.eps},
                        {"weight_decay", adamw.weight_decay}});
}

Document write(const ConstantSpec&) { return Document::map({{"name", "constant"}}); }
Document write(const StepSpec& step) {
  return Document::map({{"name", "step"}, {"milestones", write_list(step.milestones)}, {"gamma", step.gamma}});
}
Document write(const CosineSpec& cosine) { return Document::map({{"name", "cosine"}, {"eta_min", cosine.eta_min}}); }
Document write(const OneCycleSpec& cycle) {
  return Document::map({{"name", "one_cycle"},
                        {"pct_start", cycle.pct_start},
                        {"div_factor", cycle.div_factor},
                        {"final_div_factor", cycle.final_div_factor}});
}

Document write(const QuantizationSpec& quantization) {
  return Document::map({{"weights", quantization.weights},
                        {"config", quantization.config.empty() ? Document() : Document(quantization.config)},
                        {"definition", quantization.definition},
                        {"shortcuts", quantization.quantize_shortcuts},
                        {"deploy", quantization.deploy}});
}

template <typename... Ts>
Document write_any(const std::variant<Ts...>& value) {
  return std::visit([](const auto& v) { return write(v); }, value);
}

/// Whether transforms are not written, as they were not read.
bool left_to_float(const Experiment& e, bool train) {
  return e.quantization &&
         (train ? e.quantization->train_transforms_of_float : e.quantization->test_transforms_of_float);
}

/// Every value below `document` with its dotted key; lists are values.
void flatten(const Document& document, const std::string& path, std::map<std::string, std::string>& values) {
  if (document.kind() != Document::Kind::kMap) {
    values[path] = to_json(document);
    return;
  }
  for (const Document::Member& member : document.members())
    flatten(member.value, path.empty() ? member.key : path + '.' + member.key, values);
}

/// Where data lies has none: its hash is compared by itself.
bool has_influence(const std::string& key) {
  static const std::set<std::string_view> kNone = {kFormatKey,
                                                   "name",
                                                   "workers",
                                                   "data.on_unreadable",
                                                   "checkpoint_every",
                                                   "log_every",
                                                   "run_dir",
                                                   "data.directory",
                                                   "data.train",
                                                   "data.test",
                                                   "data.train_images",
                                                   "data.train_labels",
                                                   "data.test_images",
                                                   "data.test_labels",
                                                   "quantization.deploy"};
  return !kNone.contains(key);
}

}  // namespace

Document to_document(const Experiment& e) {
  Document optimizer = write_any(e.optimizer.options);
  optimizer.add("decay_norms_and_biases", e.optimizer.decay_norms_and_biases);
  Document schedule = write_any(e.schedule.curve);
  if (!std::holds_alternative<OneCycleSpec>(e.schedule.curve)) {
    schedule.add("warmup_epochs", e.schedule.warmup.epochs);
    schedule.add("warmup_start_factor", e.schedule.warmup.start_factor);
  }
  return Document::map({{kFormatKey, to_text(kExperimentFormat)},
                        {"name", e.name},
                        {"seed", e.seed},
                        {"model", write(e.model)},
                        {"data", write_any(e.data)},
                        {"epochs", e.epochs},
                        {"batch_size", e.batch_size},
                        {"max_steps", e.max_steps ? Document(*e.max_steps) : Document()},
                        {"train_transforms", left_to_float(e, true) ? Document() : write(e.train_transforms)},
                        {"test_transforms", left_to_float(e, false) ? Document() : write(e.test_transforms)},
                        {"optimizer", std::move(optimizer)},
                        {"schedule", std::move(schedule)},
                        {"label_smoothing", e.label_smoothing},
                        {"grad_clip", e.grad_clip ? Document(*e.grad_clip) : Document()},
                        {"eval_batch_size", e.eval_batch_size},
                        {"quantization", e.quantization ? write(*e.quantization) : Document()},
                        {"workers", e.workers},
                        {"checkpoint_every", e.checkpoint_every},
                        {"log_every", e.log_every},
                        {"run_dir", e.run_dir}});
}

std::vector<std::string> differences(const Document& a, const Document& b) {
  std::map<std::string, std::string> values_of_a, values_of_b;
  flatten(a, "", values_of_a);
  flatten(b, "", values_of_b);
  for (std::map<std::string, std::string>* values : {&values_of_a, &values_of_b})
    std::erase_if(*values, [](const auto& value) { return !has_influence(value.first); });
  std::map<std::string, std::string> all = values_of_a;
  all.insert(values_of_b.begin(), values_of_b.end());
  const auto value_in = [](const std::map<std::string, std::string>& values, const std::string& key) {
    const auto found = values.find(key);
    return found == values.end() ? "nothing" : found->second;
  };
  std::vector<std::string> lines;
  for (const auto& [key, value] : all) {
    const std::string in_a = value_in(values_of_a, key), in_b = value_in(values_of_b, key);
    if (in_a != in_b) lines.push_back(text(printable(key), ": ", printable(in_a), " and ", printable(in_b)));
  }
  return lines;
}

}  // namespace octet
