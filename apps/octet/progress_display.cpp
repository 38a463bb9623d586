// SPDX-License-Identifier: Apache-2.0
#include "progress_display.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <string_view>
#include <system_error>

#include "columns.h"
#include "octet/base/counted.h"
#include "octet/base/utf8.h"

namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(20);
constexpr double kSmoothing = 0.05;  // weight of a new step in the speed
constexpr int kFirstSteps = 2;

void print(const octet::QuantRetrainReport& report) {
  const auto quantized = std::ranges::count(report.layers, true, &octet::QuantRetrainReport::Layer::quantized);
  fmt::print("quantized: {} of {}", quantized, octet::counted(std::ssize(report.layers), "layer"));
  if (!report.warnings.empty())
    fmt::print(" ({} in manifest.json)", octet::counted(std::ssize(report.warnings), "warning"));
  fmt::print("\n");
  for (const auto& layer : report.layers)
    if (!layer.quantized)
      fmt::print("not quantized: {}: {}\n", octet::printable(layer.name), octet::printable(layer.reason));
}

/// A row of the table, which has 80 columns.
void print_row(const std::string& epoch, const std::string& lr, const std::string& train_loss,
               const std::string& train_accuracy, const std::string& test_loss, const std::string& test_accuracy,
               const std::string& speed, const std::string& time) {
  fmt::print("{:>{}}  {:>7}  {:>10}  {:>9}  {:>9}  {:>9}  {:>6}  {:>7}\n", epoch, kEpochColumns, lr, train_loss,
             train_accuracy, test_loss, test_accuracy, speed, time);
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

ProgressDisplay::~ProgressDisplay() {
  try {
    clear_bar();
  } catch (const std::system_error&) {
    // There is no terminal any more.
  }
}

void ProgressDisplay::started(const octet::RunStart& start) {
  run_ = start;
  fmt::print("{}: {} parameters, {} training and {} test images, {} of {}\n", start.model,
             with_thousands(start.parameters), with_thousands(start.train_samples), with_thousands(start.test_samples),
             octet::counted(start.epochs, "epoch"), octet::counted(start.steps_per_epoch, "step"));
  if (!start.quantization.layers.empty()) print(start.quantization);
  for (const std::string& line : start.left_out) fmt::print("{}\n", octet::printable_lines(line));
  for (const std::string& warning : start.warnings) fmt::print("warning: {}\n", octet::printable_lines(warning));
  fmt::print("run directory: {}\n", octet::printable(start.directory.string()));
  if (start.first_step > 0) fmt::print("resumed after step {} of {}\n", start.first_step, start.total_steps);
  fmt::print("\n");
  print_row("epoch", "lr", "train loss", "train acc", "test loss", "test acc", "img/s", "time");
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
  print_row(epoch_text(epoch.epoch), number(epoch.lr, 7, 5), number(epoch.train_loss, 9, 4),
            percent(epoch.train_accuracy), number(epoch.test_loss, 9, 4), percent(epoch.test_accuracy),
            number(epoch.images_per_second, 6, 0), clock_text(epoch.train_seconds + epoch.test_seconds));
  std::fflush(stdout);
}

std::string ProgressDisplay::epoch_text(std::int64_t epoch) const {
  std::string whole = fmt::format("{}/{}", epoch, run_.epochs);
  return whole.size() <= kEpochColumns ? whole : std::to_string(epoch);
}

bool ProgressDisplay::is_due() {
  const auto now = Clock::now();
  if (now - last_shown_ < (terminal_ ? Clock::duration(kBarInterval) : Clock::duration(kLineInterval))) return false;
  last_shown_ = now;
  return true;
}

void ProgressDisplay::show(double share, const std::string& text) {
  const std::string epoch = epoch_text(epoch_);
  if (terminal_) {
    const std::string line = progress_line(epoch, share, text, window_columns());
    fmt::print("\r\x1b[K{}", line);
    bar_shown_ = true;
  } else {
    fmt::print("{:>{}}  {:3.0f} %  {}\n", epoch, kEpochColumns, 100 * share, text);
  }
  std::fflush(stdout);
}

void ProgressDisplay::clear_bar() {
  if (bar_shown_) fmt::print("\r\x1b[K");
  bar_shown_ = false;
}
