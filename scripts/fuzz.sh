#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzz targets of tests/fuzz and runs each for some seconds, from its seeds and from what earlier runs found.
# Fails if one of them fails; the input that did it is then build/fuzz/<target>-found/crash-*.
#
#   scripts/fuzz.sh [SECONDS [TARGET...]]     20 seconds, all targets
#   scripts/fuzz.sh --same [TARGET...]        30 000 inputs from a fixed seed: for a gate, which is to stop what changed
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift $(($# > 0 ? 1 : 0))

cmake -S tests/fuzz -B build/fuzz -G Ninja -DCMAKE_CXX_COMPILER=clang++ \
  -DCMAKE_CXX_COMPILER_LAUNCHER="$(command -v ccache || true)" >/dev/null
cmake --build build/fuzz --parallel "$(nproc)"

targets=("$@")
if [[ ${#targets[@]} -eq 0 ]]; then
  for source in tests/fuzz/*.cpp; do
    targets+=("$(basename "$source" .cpp)")
  done
fi
# Addresses and compared values steer what libFuzzer tries next. (So do the tables of protobuf, a little.)
fixed=
[[ $seconds == --same ]] && setarch --addr-no-randomize true 2>/dev/null && fixed="setarch --addr-no-randomize"

run_target() {
  local target=$1 found=build/fuzz/$1-found log=build/fuzz/$1.log work=(-max_total_time="$seconds")
  if [[ $seconds == --same ]]; then
    found=build/fuzz/$target-same
    rm -rf "$found"
    work=(-seed=1 -use_cmp=0 -runs=30000)
  fi
  mkdir -p "$found"
  if ! $fixed "build/fuzz/fuzz_$target" -timeout=10 -rss_limit_mb=2048 -max_len=65536 \
    -artifact_prefix="$found/" -print_final_stats=1 "${work[@]}" "$found" "tests/fuzz/corpus/$target" >"$log" 2>&1; then
    tail -n 60 "$log"
    printf 'fuzz.sh: %s failed\n' "$target" >&2
    return 1
  fi
  printf '%-12s %9s runs, no failure\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"
}

# A target to each core; xargs fails if one of them did.
export -f run_target
export seconds fixed
printf '%s\n' "${targets[@]}" | xargs --max-procs="$(nproc)" --replace bash -c 'run_target {}'
