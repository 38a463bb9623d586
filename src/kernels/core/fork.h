// SPDX-License-Identifier: Apache-2.0
// What makes a fork() harmless. Private to the room.
//
// The child has the forking thread alone, but OpenMP in it would wait for the threads of the parent for ever. They are
// therefore ended before the fork; who needs threads afterwards, in the parent or in the child, gets new ones. The lock
// of the pool of memory is taken over the fork, so that no thread that is gone holds it.
#pragma once

namespace octet::kernels {

/// From its first call on, forks of this process are harmless. Everything that computes needs memory: the pool calls
/// it.
void survive_forks();

/// In memory.cpp.
void lock_memory_pool();
void unlock_memory_pool();

}  // namespace octet::kernels
