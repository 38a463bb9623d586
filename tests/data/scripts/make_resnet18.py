#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes resnet18.safetensors (47 MB) and resnet18_logits.json, too large to be kept here.

    make_resnet18.py OUT_DIR

The two images [2, 3, 224, 224] come from a formula, exact in float32, over the flat NCHW index i
(64-bit): x[i] = ((i * 7919 + 13) % 509) / 256 - 1. A prime modulus, because the size of a plane is a
multiple of 256: with 256 all channels and both images would be the same.
"""

import pathlib
import sys

import torch

from golden_file import array, write_json, write_safetensors
from resnet import randomize, resnet18


def formula_images(n):
    index = torch.arange(n * 3 * 224 * 224)
    return (((index * 7919 + 13) % 509) / 256 - 1).view(n, 3, 224, 224)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(18)
    images = formula_images(2)
    net = randomize(resnet18(in_channels=3, classes=1000), images).eval()
    write_safetensors(out / "resnet18.safetensors", net.state_dict())
    with torch.no_grad():
        logits = net(images)
        exact = net.double()(images.double())
    write_json(out / "resnet18_logits.json", {
        "weights": "resnet18.safetensors",
        "torch": torch.__version__,
        "images": "x[i] = ((i * 7919 + 13) % 509) / 256 - 1",
        "image_shape": list(images.shape),
        "first_values": images.view(-1)[:8].tolist(),
        "last_values": images.view(-1)[-8:].tolist(),
        "logits": array(logits),
        "logits_f64": array(exact),
    })
    print("logits: deviation", logits.std().item(), "between images",
          (logits[0] - logits[1]).abs().max().item(), "float32 against float64",
          (logits - exact).abs().max().item())


if __name__ == "__main__":
    main()
