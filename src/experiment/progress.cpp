// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/progress.h"

#include <utility>

#include "octet/base/fields.h"

namespace octet::detail {
namespace {

constexpr IntRange kCount{.min = 0};

EpochReport parse_epoch(Fields& row) {
  const EpochReport epoch{.epoch = row.get_int("epoch", {.min = 1}),
                          .step = row.get_int("step", kCount),
                          .lr = row.get_real("lr", {}),
                          .train_loss = row.get_real("train_loss", {}),
                          .train_accuracy = row.get_real("train_accuracy", {}),
                          .test_loss = row.get_real("test_loss", {}),
                          .test_accuracy = row.get_real("test_accuracy", {}),
                          .images_per_second = row.get_real("images_per_second", {}),
                          .train_seconds = row.get_real("train_seconds", {}),
                          .test_seconds = row.get_real("test_seconds", {})};
  row.finish();
  return epoch;
}

MachineUse parse_machine(Fields& use) {
  MachineUse machine{
      .from_step = use.get_int("from_step", kCount), .onednn = use.get_string("onednn"), .isa = use.get_string("isa")};
  use.finish();
  return machine;
}

}  // namespace

StepReport Progress::count_step(double loss, std::int64_t correct_images, std::int64_t step_images, double lr,
                                double step_seconds) {
  ++step;
  ++batch;
  loss_sum += loss * static_cast<double>(step_images);
  seconds += step_seconds;
  images += step_images;
  correct += correct_images;
  return {.epoch = epoch + 1,
          .step = step,
          .step_in_epoch = batch,
          .lr = lr,
          .loss = loss,
          .images = step_images,
          .seconds = step_seconds};
}

EpochReport Progress::end_epoch(double lr, double test_loss, double test_accuracy, double test_seconds) {
  const auto count = static_cast<double>(images);
  const EpochReport row{.epoch = epoch + 1,
                        .step = step,
                        .lr = lr,
                        .train_loss = loss_sum / count,
                        .train_accuracy = static_cast<double>(correct) / count,
                        .test_loss = test_loss,
                        .test_accuracy = test_accuracy,
                        .images_per_second = images_per_second(),
                        .train_seconds = seconds,
                        .test_seconds = test_seconds};
  epochs.push_back(row);
  ++epoch;
  batch = 0;
  loss_sum = seconds = 0.0;
  images = correct = 0;
  return row;
}

Document to_document(const EpochReport& e) {
  return Document::map({{"epoch", e.epoch},
                        {"step", e.step},
                        {"lr", e.lr},
                        {"train_loss", e.train_loss},
                        {"train_accuracy", e.train_accuracy},
                        {"test_loss", e.test_loss},
                        {"test_accuracy", e.test_accuracy},
                        {"images_per_second", e.images_per_second},
                        {"train_seconds", e.train_seconds},
                        {"test_seconds", e.test_seconds}});
}

Document to_document(const std::vector<MachineUse>& machines) {
  Document list = Document::list();
  for (const MachineUse& use : machines)
    list.append(Document::map({{"from_step", use.from_step}, {"onednn", use.onednn}, {"isa", use.isa}}));
  return list;
}

Document to_document(const Progress& p) {
  Document epochs = Document::list(), resumed_at = Document::list();
  for (const EpochReport& epoch : p.epochs) epochs.append(to_document(epoch));
  for (std::int64_t step : p.resumed_at) resumed_at.append(step);
  return Document::map({{"step", p.step},
                        {"epoch", p.epoch},
                        {"batch", p.batch},
                        {"loss_sum", p.loss_sum},
                        {"seconds", p.seconds},
                        {"images", p.images},
                        {"correct", p.correct},
                        {"epochs", std::move(epochs)},
                        {"resumed_at", std::move(resumed_at)},
                        {"machines", to_document(p.machines)},
                        {"log_bytes", p.log_bytes}});
}

Progress parse_progress(const Document& document) {
  Fields fields(document, "progress");
  Progress p;
  p.step = fields.get_int("step", kCount);
  p.epoch = fields.get_int("epoch", kCount);
  p.batch = fields.get_int("batch", kCount);
  p.loss_sum = fields.get_real("loss_sum", {});
  p.seconds = fields.get_real("seconds", {});
  p.images = fields.get_int("images", kCount);
  p.correct = fields.get_int("correct", kCount);
  for (Fields& row : fields.fields_list("epochs")) p.epochs.push_back(parse_epoch(row));
  p.resumed_at = fields.get_ints("resumed_at", kCount);
  for (Fields& use : fields.fields_list("machines")) p.machines.push_back(parse_machine(use));
  p.log_bytes = static_cast<std::uint64_t>(fields.get_int("log_bytes", kCount));
  fields.finish();
  if (static_cast<std::int64_t>(p.epochs.size()) != p.epoch) fields.fail_at("epochs", "there is not one row per epoch");
  if (p.machines.empty()) fields.fail_at("machines", "is empty");
  return p;
}

}  // namespace octet::detail
