// SPDX-License-Identifier: Apache-2.0
// How far a run is: everything besides the tensors that it needs to go on bit for bit. Random choices need nothing
// here: they depend on seed, epoch and index alone, and layers that draw numbers keep their positions as counters.
// Private to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "octet/config/document.h"
#include "octet/experiment/run/observer.h"

namespace octet::detail {

/// What computed the steps from `from_step` on. Octet's own loops give the same bits everywhere; oneDNN's do not.
struct MachineUse {
  std::int64_t from_step;
  std::string onednn, isa;  ///< as in SystemInfo
};

inline bool same_machine(const MachineUse& a, const MachineUse& b) { return a.onednn == b.onednn && a.isa == b.isa; }

/// What stays of the epochs that ended, however many there were: their rows are in log.jsonl alone.
struct EndedEpochs {
  double train_seconds = 0.0, test_seconds = 0.0, best_test_accuracy = 0.0;
  std::optional<EpochReport> last = {};
};

struct Progress {
  std::int64_t step = 0;   ///< steps of the run that are done
  std::int64_t epoch = 0;  ///< the current one, from 0
  std::int64_t batch = 0;  ///< steps of the current epoch that are done

  // Sums over these steps.
  double loss_sum = 0.0, seconds = 0.0;
  std::int64_t images = 0, correct = 0;

  EndedEpochs ended = {};
  std::vector<std::int64_t> resumed_at = {};  ///< steps
  std::vector<MachineUse> machines = {};      ///< one, unless the run was resumed on another
  std::uint64_t log_bytes = 0;                ///< length of log.jsonl
  std::string started = {};                   ///< when the run began, as now_utc()

  double images_per_second() const { return seconds > 0 ? static_cast<double>(images) / seconds : 0.0; }

  /// Adds a step of `images` images and a mean loss.
  StepReport count_step(double loss, std::int64_t correct_images, std::int64_t step_images, double lr,
                        double step_seconds);
  /// Closes the current epoch: its row, with training sums; the sums start again.
  EpochReport end_epoch(double lr, double test_loss, double test_accuracy, double test_seconds);
};

Document to_document(const EpochReport& epoch);
/// Throws Error with its position for a row that to_document() would not have written.
EpochReport parse_epoch(const Document& row);
Document to_document(const std::vector<MachineUse>& machines);
Document to_document(const Progress& progress);
/// Throws Error with its position for anything that to_document() would not have written.
Progress parse_progress(const Document& document);

}  // namespace octet::detail
