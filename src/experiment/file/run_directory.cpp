// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/file/run_directory.h"

#include <string>
#include <system_error>

#include "octet/base/error.h"
#include "octet/base/file.h"
#include "octet/base/file_format.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

void replace_all(std::string& text, std::string_view what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
}

/// The n-th directory, from 1, that the experiment's run_dir stands for.
fs::path numbered(const Experiment& experiment, int n) {
  std::string path = experiment.run_dir;
  replace_all(path, "{name}", experiment.name);
  replace_all(path, "{seed}", std::to_string(experiment.seed));
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return n == 1 ? path : text(path, '-', n);
}

/// Returns whether the directory was made now.
bool make_directory(const fs::path& path) {
  std::error_code error;
  if (path.has_parent_path()) fs::create_directories(path.parent_path(), error);
  const bool made = !error && fs::create_directory(path, error);
  if (error) fail(printable(path.string()), ": cannot make the directory: ", error.message());
  return made;
}

}  // namespace

bool holds_run(const RunDirectory& directory) { return fs::exists(directory.manifest()) || holds_work(directory); }

bool holds_work(const RunDirectory& directory) {
  return fs::exists(directory.checkpoint()) || fs::exists(directory.previous_checkpoint()) ||
         fs::exists(directory.weights());
}

RunDirectory create_run_directory(const Experiment& experiment, const fs::path& chosen) {
  if (!chosen.empty()) {
    const RunDirectory directory{chosen};
    make_directory(chosen);
    return directory;
  }
  int n = 1;
  while (!make_directory(numbered(experiment, n))) ++n;
  return {numbered(experiment, n)};
}

RunDirectory find_run_directory(const Experiment& experiment, const fs::path& chosen) {
  RunDirectory directory{chosen};
  if (chosen.empty()) {
    int n = 1;
    while (fs::exists(numbered(experiment, n + 1))) ++n;
    // The last ones may be of runs that were killed before they wrote anything.
    while (n > 1 && !holds_run({numbered(experiment, n)})) --n;
    directory.root = numbered(experiment, n);
  }
  require(holds_run(directory), directory.root.string(), ": there is no run to resume");
  return directory;
}

Document read_manifest(const RunDirectory& directory) {
  const std::string source = directory.manifest().string();
  Document manifest = parse_json(read_file(directory.manifest(), DocumentLimits().max_bytes), source);
  if (const Document* const said = manifest.find(kFormatKey))
    require_readable(kManifestFormat, said->as_string(), source);
  return manifest;
}

fs::path weights_file(const fs::path& path) {
  if (!fs::is_directory(path)) return path;
  const RunDirectory directory{path};
  require(fs::exists(directory.weights()), directory.weights().string(), ": there is no such file; ",
          fs::exists(directory.manifest()) ? "the run is not complete, resume it" : "the directory holds no run");
  return directory.weights();
}

}  // namespace octet
