#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Lays out all C++ sources as .clang-format says; with --check it changes nothing and fails where it would.
# Other versions of clang-format decide some lines differently, so it has to be 14, Debian 12's.
set -euo pipefail
cd "$(dirname "$0")/.."

formatter=$(command -v clang-format-14 || command -v clang-format || true)
if [[ -z $formatter || $("$formatter" --version) != *"version 14."* ]]; then
  printf 'format.sh: clang-format 14 is needed (on Debian 12: scripts/install_dependencies.sh --dev)\n' >&2
  exit 1
fi
options=(-i)
[[ ${1:-} == --check ]] && options=(--dry-run -Werror)
find src apps tests bench -name build -prune -o \( -name '*.h' -o -name '*.cpp' \) -print0 |
  xargs --null --no-run-if-empty "$formatter" "${options[@]}"
