// SPDX-License-Identifier: Apache-2.0
// gzip streams, unpacked with a limit.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace octet {

/// Unpacks `bytes`, all members of a gzip stream; what does not start like one is returned as it is. Throws Error
/// (source, byte offset) if the stream is damaged or ends early, if more than `max_bytes` would come out of it, and if
/// there is not enough memory.
std::string unpack_gzip(std::string bytes, const std::string& source, std::uint64_t max_bytes);

/// The first `count` bytes that come out of a gzip stream (fewer if there are no more), for headers that say how long
/// the rest is; of what does not start like one, its own first bytes. Throws Error if that part of the stream is
/// damaged.
std::string unpack_gzip_start(std::string_view bytes, const std::string& source, std::uint64_t count);

/// What the header of a file says about its length: gets the file's first bytes, and how many it has if that is known
/// without unpacking it. Returns how many it may have; throws Error if they do not fit.
using JudgeHeader = std::function<std::uint64_t(std::string_view start, std::optional<std::uint64_t> size)>;

/// unpack_gzip() for a file whose first `start_bytes` bytes are judged before the rest is read or unpacked. Throws
/// Error also as InputFile does; a file that could not unpack to so little is not read.
std::string read_gzip_file(const std::filesystem::path& path, std::uint64_t max_bytes, std::uint64_t start_bytes,
                           const JudgeHeader& judge);

}  // namespace octet
