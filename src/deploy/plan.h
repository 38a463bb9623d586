// SPDX-License-Identifier: Apache-2.0
// A program bound to kernels and memory: what a Model runs. Private to the room.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "octet/deploy/program.h"
#include "octet/kernels/memory.h"

namespace octet::deploy {

/// Where one run finds its values.
struct Memory {
  std::byte* arena;
  const float* input;
  float* output;
  std::int64_t slice = 0;  ///< that is computed
};

struct BoundStep {
  std::string name, operation, implementation;
  double giga_operations;
  std::function<void(const Memory&)> run;
};

class Plan {
 public:
  /// Binds the program for the present number of threads.
  explicit Plan(const Program& program);

  /// Safe to call from many threads at once.
  void run(const float* input, float* output) const;
  /// The same step by step: calls done(i) after step i, more than once if it runs in slices.
  template <typename F>
  void run_steps(Memory memory, const F& done) const {
    for (memory.slice = 0; memory.slice < slices_; ++memory.slice)
      for (std::size_t i = 0; i < sliced_steps_; ++i) {
        steps_[i].run(memory);
        done(i);
      }
    memory.slice = 0;
    for (std::size_t i = sliced_steps_; i < steps_.size(); ++i) {
      steps_[i].run(memory);
      done(i);
    }
  }
  const std::vector<BoundStep>& steps() const { return steps_; }
  const Shape& output_shape() const { return output_shape_; }
  std::int64_t arena_bytes() const { return arena_bytes_; }

  /// An arena taken from those that wait, or a new one; it goes back when it dies.
  class Arena {
   public:
    explicit Arena(const Plan& plan);
    ~Arena();
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    std::byte* data() const { return static_cast<std::byte*>(buffer_.data()); }

   private:
    const Plan& plan_;
    kernels::Buffer buffer_;
  };

 private:
  std::vector<BoundStep> steps_;
  std::size_t sliced_steps_;
  std::int64_t slices_;
  Shape output_shape_;
  std::int64_t arena_bytes_ = 0;
  mutable std::mutex mutex_;
  mutable std::vector<kernels::Buffer> free_;
};

/// Where each storage lies in the arena: those that are alive at the same time do not overlap.
struct ArenaLayout {
  std::vector<std::int64_t> offsets;  ///< per tensor
  std::int64_t bytes = 0;
};
ArenaLayout lay_out(const Program& program);

}  // namespace octet::deploy
