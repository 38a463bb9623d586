#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares quantized networks with the scalar oracle for each instruction set that oneDNN offers on this machine, side
# by side, and prints what each run says.
#
#   scripts/exactness.sh BUILD_FOLDER [NETWORKS [IMAGES]]
set -euo pipefail
build=$1
shift
isas=(DEFAULT AVX512_CORE AVX2)
logs=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$logs"' EXIT

# One process waits while another computes on its core.
export OMP_WAIT_POLICY=passive
runs=()
for isa in "${isas[@]}"; do
  ONEDNN_MAX_CPU_ISA=$isa "$build/exactness" "$@" >"$logs/$isa" 2>&1 &
  runs+=($!)
done
status=0
for i in "${!isas[@]}"; do
  wait "${runs[i]}" || status=1
  printf '%s\n' "ONEDNN_MAX_CPU_ISA=${isas[i]}"
  cat "$logs/${isas[i]}"
done
exit $status
