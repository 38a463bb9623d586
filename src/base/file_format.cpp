// SPDX-License-Identifier: Apache-2.0
#include "octet/base/file_format.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <system_error>

#include "octet/base/error.h"
#include "octet/base/utf8.h"

namespace octet {
namespace {

/// The number behind the name; nothing if it is another kind.
std::optional<std::int64_t> version_in(const FileFormat& format, std::string_view said) {
  if (!said.starts_with(format.name)) return std::nullopt;
  said.remove_prefix(format.name.size());
  if (said.size() < 2 || said.front() != ' ') return std::nullopt;
  said.remove_prefix(1);
  if (!std::ranges::all_of(said, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::int64_t version = 0;
  const auto result = std::from_chars(said.data(), said.data() + said.size(), version);
  return result.ec == std::errc() ? version : std::numeric_limits<std::int64_t>::max();
}

}  // namespace

std::string to_text(const FileFormat& format) { return text(format.name, ' ', format.newest); }

bool is_newer(const FileFormat& format, std::string_view said) {
  return version_in(format, said).value_or(format.newest) > format.newest;
}

void require_readable(const FileFormat& format, std::string_view said, std::string_view source) {
  const std::optional<std::int64_t> version = version_in(format, said);
  require(version.has_value(), source, ": the format is ", in_quotes(said), ", expected ", in_quotes(to_text(format)));
  require(*version <= format.newest, source, ": the format is ", in_quotes(said), ", which a newer Octet wrote; this ",
          "one knows ", in_quotes(to_text(format)), " at most: update Octet to read the file");
  require(*version >= format.oldest, source, ": the format is ", in_quotes(said), ", which is read no longer; the ",
          "oldest that is: ", in_quotes(text(format.name, ' ', format.oldest)));
}

}  // namespace octet
