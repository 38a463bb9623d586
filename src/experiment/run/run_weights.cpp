// SPDX-License-Identifier: Apache-2.0
#include "octet/experiment/run/run_weights.h"

#include "octet/base/error.h"
#include "octet/config/document.h"
#include "octet/experiment/file/run_directory.h"
#include "octet/experiment/run/checkpoint.h"
#include "octet/experiment/run/finite.h"
#include "octet/experiment/run/weights_hash.h"
#include "octet/nn/safetensors.h"
#include "octet/nn/state.h"

namespace octet::detail {
namespace {

/// What the manifest says of the run's weights; "" if it says nothing.
std::string hash_in(const RunDirectory& directory) {
  if (!std::filesystem::exists(directory.manifest())) return "";
  const Document document = read_manifest(directory);
  const Document* const hash = document.at("result").find("weights_sha256");
  return hash ? hash->as_string() : "";
}

}  // namespace

void load_run_weights(Module& module, const std::filesystem::path& path) {
  const std::filesystem::path file = weights_file(path);
  require(!is_checkpoint(safetensors::File::read(file).metadata()), file.string(),
          ": is the checkpoint of a run under way, not its weights; they come when the run ends (--resume goes on)");
  load_weights(module, file);
  require_finite_weights(module, file.string());
  if (file == path) return;
  const RunDirectory directory{path};
  const std::string expected = hash_in(directory), actual = weights_hash(module);
  require(expected.empty() || expected == actual, file.string(), ": are other weights than the run ended with (sha256 ",
          actual, ", in ", directory.manifest().filename().string(), " ", expected, ")");
}

void require_same_float_weights(const std::string& now, const std::string& then, const std::filesystem::path& path) {
  require(then.empty() || now == then, path.string(),
          ": is another float network than the one that retraining began with (weights ", now, ", then ", then, ")");
}

}  // namespace octet::detail
