// SPDX-License-Identifier: Apache-2.0
// A program bound to kernels and memory: what a Model runs. Private to the room.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "octet/deploy/binding.h"
#include "octet/deploy/program.h"
#include "octet/kernels/core/memory.h"

namespace octet::deploy {

struct BoundStep {
  std::string name, operation, implementation;
  double giga_operations;
  std::int64_t bytes;  ///< that it takes for itself, about; weights belong to the model
  Run run;
};

/// Steps and the size of their memory, for one batch: weights belong to `shared`, and a run takes its arena from the
/// kernels' pool.
class Plan {
 public:
  /// Binds the program for the present number of threads.
  Plan(const Program& program, SharedConstants& shared);

  /// Safe to call from many threads at once.
  void run(const float* input, float* output) const;
  /// The same step by step: calls done(i) after step i, more than once if it runs in slices.
  template <typename F>
  void run_steps(Memory memory, const F& done) const {
    for (memory.slice = 0; memory.slice < slices_; ++memory.slice)
      for (std::size_t i = 0; i < sliced_steps_; ++i) {
        run_step(steps_[i], memory);
        done(i);
      }
    memory.slice = 0;
    for (std::size_t i = sliced_steps_; i < steps_.size(); ++i) {
      run_step(steps_[i], memory);
      done(i);
    }
  }
  const std::vector<BoundStep>& steps() const { return steps_; }
  const Shape& output_shape() const { return output_shape_; }
  /// For one run. Throws Error, naming the step that needs most of it, when there is no memory.
  kernels::Buffer make_arena() const;

  /// What the plan itself takes, about.
  std::int64_t own_bytes() const { return own_bytes_; }

 private:
  static void run_step(const BoundStep& step, const Memory& memory);

  std::vector<BoundStep> steps_;
  std::size_t sliced_steps_;
  std::int64_t slices_;
  Shape output_shape_;
  std::int64_t arena_bytes_ = 0, own_bytes_ = 0;
  std::string largest_;  // step
};

/// Where each tensor lies in the arena.
ArenaLayout lay_out(const Program& program);

/// The step whose result takes most memory, or null if there is none.
const Step* largest_step(const Program& program);

}  // namespace octet::deploy
