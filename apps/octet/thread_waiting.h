// SPDX-License-Identifier: Apache-2.0
// How the threads that compute wait for each other.
#pragma once

/// libgomp lets a thread that waits spin for milliseconds before it sleeps. The threads that read images, and
/// everything else that runs on the machine, then lack a core: training beside another program becomes up to ten times
/// slower. libgomp takes its settings when a process starts, so this starts the command again with one that lets
/// threads sleep, unless the user has chosen. Does nothing if that is impossible.
void let_waiting_threads_sleep(char** argv);
