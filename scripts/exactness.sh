#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compares deployed networks with the scalar oracle for each instruction set that oneDNN offers on this machine.
#
#   scripts/exactness.sh BUILD_FOLDER [NETWORKS]
set -euo pipefail
build=$1
shift
for isa in DEFAULT AVX512_CORE AVX2; do
  printf '%s\n' "ONEDNN_MAX_CPU_ISA=$isa"
  ONEDNN_MAX_CPU_ISA=$isa "$build/exactness" "$@"
done
