#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes resnet8_pytorch.safetensors and golden_training.json: ten steps of training in PyTorch.

    make_golden_training.py [OUT_DIR]       # default: the directory above this script
"""

import copy
import pathlib
import sys

import torch
import torch.nn.functional as F

from golden_file import array, write_json, write_safetensors
from resnet import randomize, resnet8

BATCH, CLASSES, STEPS = 8, 10, 10
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, LABEL_SMOOTHING = 0.05, 0.9, 5e-4, 0.1


def logits_of(net, images):
    with torch.no_grad():
        return net.eval()(images)


def train(net, images, labels):
    """The loss before each step, and the logits in evaluation mode after the last one."""
    sgd = torch.optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM,
                          weight_decay=WEIGHT_DECAY, nesterov=True)
    losses = []
    net.train()
    for _ in range(STEPS):
        loss = F.cross_entropy(net(images), labels, label_smoothing=LABEL_SMOOTHING)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    return losses, logits_of(net, images)


def main():
    out = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    torch.set_num_threads(1)
    torch.manual_seed(20)
    images = torch.round(torch.randn(BATCH, 1, 12, 12) * 256) / 256
    labels = torch.randint(CLASSES, (BATCH,))
    net = randomize(resnet8(in_channels=1, classes=CLASSES), images)
    write_safetensors(out / "resnet8_pytorch.safetensors", net.state_dict())

    exact = copy.deepcopy(net).double()
    logits = logits_of(net, images)
    losses, logits_after = train(net, images, labels)
    logits_f64 = logits_of(exact, images.double())
    losses_f64, logits_after_f64 = train(exact, images.double(), labels)
    write_json(out / "golden_training.json", {
        "weights": "resnet8_pytorch.safetensors",
        "torch": torch.__version__,
        "lr": LEARNING_RATE,
        "momentum": MOMENTUM,
        "nesterov": True,
        "weight_decay": WEIGHT_DECAY,
        "label_smoothing": LABEL_SMOOTHING,
        "images": array(images),
        "labels": labels.tolist(),
        "losses": losses,
        "losses_f64": losses_f64,
        "eval_logits_before": array(logits),
        "eval_logits_before_f64": array(logits_f64),
        "eval_logits_after": array(logits_after),
        "eval_logits_after_f64": array(logits_after_f64),
    })
    print("losses", losses)
    print("float32 against float64: losses",
          max(abs(a - b) for a, b in zip(losses, losses_f64)), "logits before",
          (logits - logits_f64).abs().max().item(), "after",
          (logits_after - logits_after_f64).abs().max().item())


if __name__ == "__main__":
    main()
