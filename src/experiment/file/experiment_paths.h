// SPDX-License-Identifier: Apache-2.0
// The paths that an experiment names, and what they are relative to. Private to the room.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "octet/config/document.h"
#include "octet/data/known_datasets.h"
#include "octet/experiment/file/experiment.h"

namespace octet::detail {

struct DataPath {
  const char* key;    ///< below "data": "train", "directory"
  std::string* path;  ///< in the source

  /// Whether that part of the data is read from here.
  bool serves(Split split) const;
};
/// Every path of `data`, none for made-up images.
std::vector<DataPath> data_paths(DataSource& data);
/// Whether a value was given by --set.
bool is_override(const Document& value);

/// `path` seen from `folder`: absolute, without ".." and links. An empty path stays empty.
std::string absolute_path(const std::filesystem::path& folder, const std::string& path);

/// Makes the paths of `experiment` absolute, which was read from `document`, a file in `folder`, as read_experiment()
/// says.
void resolve_paths(Experiment& experiment, const Document& document, const std::filesystem::path& folder);

}  // namespace octet::detail
