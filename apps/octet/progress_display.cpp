// SPDX-License-Identifier: Apache-2.0
#include "progress_display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "octet/base/utf8.h"

namespace {

constexpr int kBarWidth = 24;
constexpr auto kBarInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(20);
constexpr double kSmoothing = 0.05;  // weight of a new step in the speed
constexpr int kFirstSteps = 2;

void print(const octet::QuantRetrainReport& report) {
  const auto quantized = std::ranges::count(report.layers, true, &octet::QuantRetrainReport::Layer::quantized);
  fmt::print("quantized: {} of {} layers", quantized, report.layers.size());
  if (!report.warnings.empty()) fmt::print(" ({} warnings in manifest.json)", report.warnings.size());
  fmt::print("\n");
  for (const auto& layer : report.layers)
    if (!layer.quantized)
      fmt::print("not quantized: {}: {}\n", octet::printable(layer.name), octet::printable(layer.reason));
}

std::string with_thousands(std::int64_t value) {
  std::string digits = std::to_string(value);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, '\'');
  return digits;
}

}  // namespace

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::lround(seconds));
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string percent(double share) { return fmt::format("{:.2f} %", 100 * share); }

ProgressDisplay::ProgressDisplay() : terminal_(isatty(STDOUT_FILENO) != 0), last_shown_(Clock::now()) {}

ProgressDisplay::~ProgressDisplay() { clear_bar(); }

void ProgressDisplay::started(const octet::RunStart& start) {
  run_ = start;
  fmt::print("{}: {} parameters, {} training and {} test images, {} epochs of {} steps\n", start.model,
             with_thousands(start.parameters), with_thousands(start.train_samples), with_thousands(start.test_samples),
             start.epochs, start.steps_per_epoch);
  if (!start.quantization.layers.empty()) print(start.quantization);
  fmt::print("run directory: {}\n", octet::printable(start.directory.string()));
  if (start.first_step > 0) fmt::print("resumed after step {} of {}\n", start.first_step, start.total_steps);
  fmt::print("\n{:>9}  {:>8}  {:>10}  {:>9}  {:>9}  {:>9}  {:>7}  {:>7}\n", "epoch", "lr", "train loss", "train acc",
             "test loss", "test acc", "img/s", "time");
  std::fflush(stdout);
}

void ProgressDisplay::stepped(const octet::StepReport& step) {
  epoch_ = step.epoch;
  // The first steps, which prepare kernels and memory, are left out; then comes the mean, then a moving one.
  const double weight = std::max(kSmoothing, 1.0 / static_cast<double>(std::max(++steps_seen_ - kFirstSteps, 1)));
  seconds_per_step_ += (step.seconds - seconds_per_step_) * weight;
  images_per_step_ += (static_cast<double>(step.images) - images_per_step_) * weight;
  if (!is_due()) return;
  const double left = static_cast<double>(run_.total_steps - step.step) * seconds_per_step_ +
                      static_cast<double>(run_.epochs - step.epoch + 1) * test_seconds_;
  show(static_cast<double>(step.step_in_epoch) / static_cast<double>(run_.steps_per_epoch),
       fmt::format("{:.0f} img/s  loss {:.4f}  {} left", images_per_step_ / seconds_per_step_, step.loss,
                   clock_text(left)));
}

void ProgressDisplay::evaluating(const octet::EvaluationReport& evaluation) {
  if (is_due()) show(static_cast<double>(evaluation.batch) / static_cast<double>(evaluation.batches), "testing");
}

void ProgressDisplay::epoch_ended(const octet::EpochReport& epoch) {
  clear_bar();
  test_seconds_ = epoch.test_seconds;
  fmt::print("{:>9}  {:>8.5f}  {:>10.4f}  {:>9}  {:>9.4f}  {:>9}  {:>7.0f}  {:>7}\n",
             fmt::format("{}/{}", epoch.epoch, run_.epochs), epoch.lr, epoch.train_loss, percent(epoch.train_accuracy),
             epoch.test_loss, percent(epoch.test_accuracy), epoch.images_per_second,
             clock_text(epoch.train_seconds + epoch.test_seconds));
  std::fflush(stdout);
}

bool ProgressDisplay::is_due() {
  const auto now = Clock::now();
  if (now - last_shown_ < (terminal_ ? Clock::duration(kBarInterval) : Clock::duration(kLineInterval))) return false;
  last_shown_ = now;
  return true;
}

void ProgressDisplay::show(double share, const std::string& text) {
  const std::string epoch = fmt::format("{}/{}", epoch_, run_.epochs);
  if (terminal_) {
    const int done = static_cast<int>(std::lround(share * kBarWidth));
    fmt::print("\r\x1b[K{:>9}  [{:#<{}}{:.<{}}] {:3.0f} %  {}", epoch, "", done, "", kBarWidth - done, 100 * share,
               text);
    bar_shown_ = true;
  } else {
    fmt::print("{:>9}  {:3.0f} %  {}\n", epoch, 100 * share, text);
  }
  std::fflush(stdout);
}

void ProgressDisplay::clear_bar() {
  if (bar_shown_) fmt::print("\r\x1b[K");
  bar_shown_ = false;
}
