// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/progress.h"

#include <algorithm>
#include <utility>

#include "octet/config/fields.h"

namespace octet::detail {
namespace {

constexpr IntRange kCount{.min = 0};

/// A real as a run may have written it: settings are finite, what comes of them need not be.
double any_real(Fields& fields, std::string_view key) {
  const Document* const found = fields.find(key);
  return found && found->kind() == Document::Kind::kString ? found->as_real_or_not_finite() : fields.get_real(key, {});
}

EpochReport parse_epoch(Fields& row) {
  const EpochReport epoch{.epoch = row.get_int("epoch", {.min = 1}),
                          .step = row.get_int("step", kCount),
                          .lr = any_real(row, "lr"),
                          .train_loss = any_real(row, "train_loss"),
                          .train_accuracy = any_real(row, "train_accuracy"),
                          .test_loss = any_real(row, "test_loss"),
                          .test_accuracy = any_real(row, "test_accuracy"),
                          .images_per_second = any_real(row, "images_per_second"),
                          .train_seconds = any_real(row, "train_seconds"),
                          .test_seconds = any_real(row, "test_seconds")};
  row.finish();
  return epoch;
}

EndedEpochs parse_ended(Fields& fields) {
  EndedEpochs ended{.train_seconds = any_real(fields, "train_seconds"),
                    .test_seconds = any_real(fields, "test_seconds"),
                    .best_test_accuracy = any_real(fields, "best_test_accuracy")};
  if (fields.has("last")) {
    Fields last = fields.fields("last");
    ended.last = parse_epoch(last);
  }
  fields.finish();
  return ended;
}

Document write_ended(const EndedEpochs& ended) {
  Document document = Document::map({{"train_seconds", ended.train_seconds},
                                     {"test_seconds", ended.test_seconds},
                                     {"best_test_accuracy", ended.best_test_accuracy}});
  if (ended.last) document.add("last", to_document(*ended.last));
  return document;
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
  ended.train_seconds += row.train_seconds;
  ended.test_seconds += row.test_seconds;
  ended.best_test_accuracy = std::max(ended.best_test_accuracy, row.test_accuracy);
  ended.last = row;
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

EpochReport parse_epoch(const Document& row) {
  Fields fields(row, "");
  return parse_epoch(fields);
}

Document to_document(const std::vector<MachineUse>& machines) {
  Document list = Document::list();
  for (const MachineUse& use : machines)
    list.append(Document::map({{"from_step", use.from_step}, {"onednn", use.onednn}, {"isa", use.isa}}));
  return list;
}

Document to_document(const Progress& p) {
  Document resumed_at = Document::list();
  for (std::int64_t step : p.resumed_at) resumed_at.append(step);
  return Document::map({{"step", p.step},
                        {"epoch", p.epoch},
                        {"batch", p.batch},
                        {"loss_sum", p.loss_sum},
                        {"seconds", p.seconds},
                        {"images", p.images},
                        {"correct", p.correct},
                        {"ended", write_ended(p.ended)},
                        {"resumed_at", std::move(resumed_at)},
                        {"machines", to_document(p.machines)},
                        {"log_bytes", p.log_bytes},
                        {"started", p.started}});
}

Progress parse_progress(const Document& document) {
  Fields fields(document, "progress");
  Progress p;
  p.step = fields.get_int("step", kCount);
  p.epoch = fields.get_int("epoch", kCount);
  p.batch = fields.get_int("batch", kCount);
  p.loss_sum = any_real(fields, "loss_sum");
  p.seconds = any_real(fields, "seconds");
  p.images = fields.get_int("images", kCount);
  p.correct = fields.get_int("correct", kCount);
  Fields ended = fields.fields("ended");
  p.ended = parse_ended(ended);
  p.resumed_at = fields.get_ints("resumed_at", kCount);
  for (Fields& use : fields.fields_list("machines")) p.machines.push_back(parse_machine(use));
  p.log_bytes = static_cast<std::uint64_t>(fields.get_int("log_bytes", kCount));
  p.started = fields.get_string("started");
  fields.finish();
  if ((p.ended.last ? p.ended.last->epoch : 0) != p.epoch)
    fields.fail_at("ended", "is not of the epochs that are done");
  if (p.machines.empty()) fields.fail_at("machines", "is empty");
  return p;
}

}  // namespace octet::detail
