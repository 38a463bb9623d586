// SPDX-License-Identifier: Apache-2.0
// What all fuzz targets share: each defines octet::fuzz, which hands the bytes to a reader. Error is the reader's right
// answer to bytes that it does not like; everything else that ends it (a crash, another exception, a sanitizer's
// report, too much time or memory) is a bug that libFuzzer keeps the bytes of.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "octet/base/error.h"

namespace octet {
void fuzz(std::string_view bytes);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    octet::fuzz(std::string_view(reinterpret_cast<const char*>(data), size));
  } catch (const octet::Error&) {
  }
  return 0;
}
