// SPDX-License-Identifier: Apache-2.0
// Private to compat: protobuf's text form, with positions.
#pragma once

#include <string>
#include <string_view>

#include "octet/config/document.h"

namespace google::protobuf {
class Message;
}

namespace octet {

/// Reads `text` into `message`, which is empty, and returns what was read as a map with positions: messages are maps,
/// enumerators strings, float and double reals, and fields that are not set are not there. Of a single value that is
/// there several times the last counts, of a single message all fields; their position is that of the first.
/// Throws Error (source, line, column) for a syntax error, an unknown field, a value of the wrong type, an enumerator's
/// number, text that is not UTF-8, or more than 16 MiB.
Document parse_protobuf_text(std::string_view text, std::string source, google::protobuf::Message& message);

/// The text form as protobuf's Python package writes it: float32 with the fewest digits.
std::string to_protobuf_text(const google::protobuf::Message& message);

}  // namespace octet
