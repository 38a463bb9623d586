#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# scripts/demo.sh OCTET: trains a ResNet-20 on Fashion-MNIST in floats, retrains it in 8 bits, deploys it, and says what
# that is worth. OCTET is the command.
set -eu
octet=$1

# A new pair of run directories: the second run must start from the first one's weights.
number=1 suffix=
while [ -e "runs/demo$suffix" ] || [ -e "runs/demo_qat$suffix" ]; do
  number=$((number + 1)) suffix=-$number
done
retrained=runs/demo_qat$suffix

"$octet" train experiments/demo.yaml --run-dir "runs/demo$suffix"
echo
echo "And now in 8 bits: one more epoch, with every layer quantized."
echo
"$octet" retrain experiments/demo_qat.yaml --set "quantization.weights=runs/demo$suffix" --run-dir "$retrained"
echo
echo "As files:"
echo
"$octet" deploy "$retrained"
echo
"$octet" report "$retrained"
