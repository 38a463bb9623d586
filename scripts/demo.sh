#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scripts/demo.sh OCTET: trains a ResNet-20 on Fashion-MNIST in floats, then retrains it in 8 bits. OCTET is the command.
set -eu
octet=$1

# A new pair of run directories: the second run must start from the first one's weights.
number=1 suffix=
while [ -e "runs/demo$suffix" ] || [ -e "runs/demo_qat$suffix" ]; do
  number=$((number + 1)) suffix=-$number
done

"$octet" train experiments/demo.yaml --run-dir "runs/demo$suffix"
echo
echo "And now in 8 bits: one more epoch, with every layer quantized."
echo
"$octet" retrain experiments/demo_qat.yaml --set "quantization.weights=runs/demo$suffix" \
  --run-dir "runs/demo_qat$suffix"
