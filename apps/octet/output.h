// SPDX-License-Identifier: Apache-2.0
// What becomes of a command whose output cannot be written.
#pragma once

/// Sees to it that standard input, output and error are open: a file that a command opens must not become its standard
/// output. What is written to one that was closed fails.
void open_standard_files();

/// Of a command whose output is its result. Throws octet::Error (reason) if some of it could not be written.
void require_output();

/// Of a command whose result is in files: a reader that went away, a full disk or a terminal that was closed does not
/// end it. What cannot be written is dropped.
void drop_lost_output();
