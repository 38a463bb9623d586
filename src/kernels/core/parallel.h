// SPDX-License-Identifier: Apache-2.0
// Work shared between threads, cut by shapes alone: results never depend on how many threads there are.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace octet::kernels {

/// Threads that kernels use from now on (this thread's setting, as OpenMP has it). At least 1, else Error.
void set_num_threads(int count);
/// Threads that kernels of this thread use: OMP_NUM_THREADS or the number of cores until set.
int num_threads();

/// A non-owning reference to a callable task(index).
class TaskRef {
 public:
  template <typename F>
  TaskRef(const F& f)  // NOLINT: implicit on purpose
      : object_(std::addressof(f)),
        call_([](const void* object, std::int64_t i) { (*static_cast<const F*>(object))(i); }) {}
  void operator()(std::int64_t i) const { call_(object_, i); }

 private:
  const void* object_;
  void (*call_)(const void*, std::int64_t);
};

/// Runs task(0) .. task(count - 1), each exactly once, in any order and on any thread; returns when all are done.
/// An exception of a task (memory may run out) is thrown again here, once no task runs any more; tasks that had not
/// begun may be left out. Nested calls run in the calling thread. Tasks round to nearest and keep denormal numbers,
/// whatever their threads were set to (octet/base/float_environment.h).
///
/// fork() ends the forking thread's OpenMP threads first, and parent and child start new ones: a child may go on
/// computing, if at the time of the fork no other thread was in a call of this library.
void parallel_tasks(std::int64_t count, TaskRef task);

/// A range [0, size) cut into equal chunks (the last may be shorter).
struct Chunks {
  std::int64_t size, chunk;

  std::int64_t count() const { return size == 0 ? 0 : (size + chunk - 1) / chunk; }
  std::int64_t begin(std::int64_t i) const { return i * chunk; }
  std::int64_t end(std::int64_t i) const { return (i + 1) * chunk < size ? (i + 1) * chunk : size; }
};

/// Runs body(begin, end) over [0, size) in chunks of `chunk`: for loops whose iterations are independent.
template <typename Body>
void parallel_range(std::int64_t size, std::int64_t chunk, const Body& body) {
  const Chunks chunks{size, chunk};
  parallel_tasks(chunks.count(), [&](std::int64_t i) { body(chunks.begin(i), chunks.end(i)); });
}

/// Elements of a chunk for loops that stream through memory: 256 KiB of floats.
inline constexpr std::int64_t kStreamChunk = 1 << 16;

}  // namespace octet::kernels
