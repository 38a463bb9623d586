// SPDX-License-Identifier: Apache-2.0
// octet deploy and octet report: from a retrained run to files, and what they are worth.
#include <fmt/format.h>

#include "columns.h"
#include "commands.h"
#include "octet/base/counted.h"
#include "octet/base/file.h"
#include "octet/base/utf8.h"
#include "octet/config/document.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/report/deployment_report.h"
#include "octet/experiment/report/report_page.h"
#include "octet/experiment/run/deploy_run.h"
#include "own_process.h"
#include "progress_display.h"

namespace {

void print_file(const std::filesystem::path& path, const char* what) {
  const auto bytes = static_cast<double>(std::filesystem::file_size(path));
  fmt::print("{:>10}  {}  ({})\n", megabytes(bytes), octet::printable(path.string()), what);
}

/// Of a process that does nothing else but run the file.
std::int64_t peak_memory(const std::filesystem::path& model, int threads) {
  const std::string line = run_own_process(
      {"bench", model.string(), "--batch", "32", "--repetitions", "3", "--threads", std::to_string(threads), "--json"});
  return octet::parse_json(line, "octet bench").at("peak_bytes").as_integer();
}

/// A row of the table, which has 80 columns.
void print_row(const char* network, const std::string& accuracy, const std::string& loss, const std::string& one = "",
               const std::string& batch = "", const std::string& file = "", const std::string& memory = "") {
  std::string row = fmt::format("{:<17}  {:>8}  {:>6}  {:>9}  {:>8}  {:>9}  {:>11}", network, accuracy, loss, one,
                                batch, file, memory);
  row.erase(row.find_last_not_of(' ') + 1);
  fmt::print("{}\n", row);
}

void print_row(const char* network, const octet::Evaluation& evaluation) {
  print_row(network, percent(evaluation.accuracy), number(evaluation.loss, 6, 4));
}

void print_row(const char* network, const octet::Evaluation& evaluation, const octet::DeployedCost& cost) {
  print_row(network, percent(evaluation.accuracy), number(evaluation.loss, 6, 4),
            number(cost.milliseconds, 6, 3) + " ms", number(cost.images_per_second, 6, 0) + "/s",
            megabytes(static_cast<double>(cost.file_bytes)), megabytes(static_cast<double>(cost.peak_bytes)));
}

void print_table(const octet::DeploymentReport& report) {
  print_row("network", "test acc", "loss", "one image", "batch 32", "file", "peak memory");
  print_row("float", report.before, report.float_cost);
  print_row("8 bits, retrained", report.retrained);
  print_row("int8, deployed", report.deployed, report.int8_cost);
  const octet::DeployedCost &a = report.float_cost, &b = report.int8_cost;
  const auto ratio = [](auto x, auto y) { return number(static_cast<double>(x) / static_cast<double>(y), 7, 2) + 'x'; };
  print_row("gain of int8", "", "", ratio(a.milliseconds, b.milliseconds),
            ratio(b.images_per_second, a.images_per_second), ratio(a.file_bytes, b.file_bytes),
            ratio(a.peak_bytes, b.peak_bytes));
  fmt::print("({}, with octet::deploy; medians, in turn)\n\n", octet::counted(report.threads, "thread"));
  fmt::print("retrained against deployed, {}:\n", octet::counted(report.deployed.images, "test image"));
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
  octet::DeploymentReport report =
      octet::deployment_report(command.run, quiet, {.overrides = command.overrides, .seconds = command.seconds});
  for (octet::DeployedCost* cost : {&report.float_cost, &report.int8_cost})
    cost->peak_bytes = peak_memory(cost->file, report.threads);
  octet::write_file_atomically(directory.report(), octet::report_page(report));
  print_table(report);
  fmt::print("\npictures: {}\n", octet::printable(directory.report().string()));
  return kSuccess;
}
