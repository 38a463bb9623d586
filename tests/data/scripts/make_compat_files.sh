#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the files of a release, which every later one must read: make_compat_files.sh OCTET FOLDER, with the `octet` of
# the release and a folder that is not there yet, tests/data/compat/VERSION. Some seconds.
set -euo pipefail

octet=$(realpath "$1")
mkdir "$2"
folder=$(realpath "$2")
experiments=$(realpath "$(dirname "$0")/../compat/0.1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

cp "$experiments"/tiny.yaml "$experiments"/tinyq.yaml .
"$octet" train tiny.yaml
"$octet" retrain tinyq.yaml
"$octet" deploy runs/tinyq
# The reference's format has no quantized shortcuts.
"$octet" retrain tinyq.yaml --set quantization.shortcuts=false --run-dir runs/ascend
"$octet" deploy runs/ascend --format ascend

cp tiny.yaml tinyq.yaml runs/tinyq/{quant_config.json,record.txt,deploy_model.onnx} runs/ascend/ascend_deploy_model.onnx \
  "$folder"
for kind in float retrained; do
  run=runs/tiny
  [[ $kind == retrained ]] && run=runs/tinyq
  # The one before the last: of a run that has an epoch before it.
  cp $run/checkpoint.previous.safetensors "$folder/${kind}_checkpoint.safetensors"
  cp $run/weights.safetensors "$folder/${kind}_weights.safetensors"
  cp $run/experiment.json "$folder/${kind}_experiment.json"
  cp $run/manifest.json "$folder/${kind}_manifest.json"
  cp $run/log.jsonl "$folder/${kind}_log.jsonl"
done
