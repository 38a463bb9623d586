// SPDX-License-Identifier: Apache-2.0
// gzip streams, unpacked with a limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace octet {

/// Unpacks `bytes`, all members of a gzip stream; what does not start like one is returned as it is. Throws Error
/// (source, byte offset) if the stream is damaged or ends early, and if more than `max_bytes` would come out of it.
std::string unpack_gzip(std::string bytes, const std::string& source, std::uint64_t max_bytes);

/// The same for a file. Throws Error also as read_file does; a file that could not unpack to so little is not read.
std::string read_gzip_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace octet
