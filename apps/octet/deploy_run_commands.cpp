// SPDX-License-Identifier: Apache-2.0
// octet deploy and octet report: from a retrained run to files, and what they are worth.
#include <fmt/format.h>

#include "commands.h"
#include "octet/base/document.h"
#include "octet/base/file.h"
#include "octet/base/utf8.h"
#include "octet/experiment/deploy_run.h"
#include "octet/experiment/deployment_report.h"
#include "octet/experiment/report_page.h"
#include "octet/experiment/run_directory.h"
#include "own_process.h"
#include "progress_display.h"

namespace {

std::string megabytes(std::uint64_t bytes) { return fmt::format("{:.2f} MB", static_cast<double>(bytes) / 1e6); }

void print_file(const std::filesystem::path& path, const char* what) {
  fmt::print("{:>10}  {}  ({})\n", megabytes(std::filesystem::file_size(path)), octet::printable(path.string()), what);
}

/// Of a process that does nothing else but run the file.
std::int64_t peak_memory(const std::filesystem::path& model, int threads) {
  const std::string line = run_own_process(
      {"bench", model.string(), "--batch", "32", "--repetitions", "3", "--threads", std::to_string(threads), "--json"});
  return octet::parse_json(line, "octet bench").at("peak_bytes").as_integer();
}

void print_row(const char* network, const octet::Evaluation& evaluation, const octet::DeployedCost* cost) {
  fmt::print("{:<18}  {:>9}  {:>8.4f}", network, percent(evaluation.accuracy), evaluation.loss);
  if (cost)
    fmt::print("  {:>9}  {:>9}  {:>9}  {:>11}", fmt::format("{:.3f} ms", cost->milliseconds),
               fmt::format("{:.0f}/s", cost->images_per_second), megabytes(cost->file_bytes),
               megabytes(static_cast<std::uint64_t>(cost->peak_bytes)));
  fmt::print("\n");
}

void print_table(const octet::DeploymentReport& report) {
  fmt::print("{:<18}  {:>9}  {:>8}  {:>9}  {:>9}  {:>9}  {:>11}\n", "network", "test acc", "loss", "one image",
             "batch 32", "file", "peak memory");
  print_row("float", report.before, &report.float_cost);
  print_row("8 bits, retrained", report.retrained, nullptr);
  print_row("int8, deployed", report.deployed, &report.int8_cost);
  const octet::DeployedCost &a = report.float_cost, &b = report.int8_cost;
  const auto ratio = [](auto x, auto y) {
    return fmt::format("{:.2f}x", static_cast<double>(x) / static_cast<double>(y));
  };
  fmt::print("{:<18}  {:>9}  {:>8}  {:>9}  {:>9}  {:>9}  {:>11}\n", "gain of int8", "", "",
             ratio(a.milliseconds, b.milliseconds), ratio(b.images_per_second, a.images_per_second),
             ratio(a.file_bytes, b.file_bytes), ratio(a.peak_bytes, b.peak_bytes));
  fmt::print("({} threads, with octet::deploy; medians, in turn)\n\n", report.threads);
  fmt::print("retrained against deployed, {} test images:\n", report.deployed.images);
  fmt::print("  different predictions  {}\n", report.differing_predictions);
  fmt::print("  different logits       {} of {}{}\n", report.differing_logits, report.logits,
             report.differing_logits == 0 ? ": equal in every bit" : "");
}

}  // namespace

int run(const DeployCommand& command) {
  const octet::SavedModels saved = octet::deploy_run(
      command.run,
      {.prefix = command.prefix, .format = command.ascend ? octet::DeployFormat::kAscend : octet::DeployFormat::kQdq});
  print_file(saved.deploy, command.ascend ? "int8, AscendQuant" : "int8, QDQ");
  print_file(saved.fake_quant, "the same numbers in float operators");
  print_file(octet::RunDirectory{command.run}.weights(), "the float weights they come from");
  return kSuccess;
}

int run(const ReportCommand& command) {
  const octet::RunDirectory directory{command.run};
  octet::Observer quiet;
  octet::DeploymentReport report = octet::deployment_report(command.run, quiet, {.seconds = command.seconds});
  for (octet::DeployedCost* cost : {&report.float_cost, &report.int8_cost})
    cost->peak_bytes = peak_memory(cost->file, report.threads);
  octet::write_file_atomically(directory.report(), octet::report_page(report));
  print_table(report);
  fmt::print("\npictures: {}\n", octet::printable(directory.report().string()));
  return kSuccess;
}
