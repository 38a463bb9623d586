#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times one PyTorch training step, the peer of Octet's benchmarks of training.

A step is forward, cross-entropy, backward, SGD (momentum 0.9, weight decay 5e-4) and
zero_grad, on one fixed random batch in channels_last. PyTorch runs at its best: the
process restarts itself with malloc told to keep freed pages and with pinned threads
(without that it loses 15 to 28 %); --default-env leaves the environment as it is.
With --qat the network is prepared for quantization-aware training in eager mode.

    train_torch.py resnet20 --threads 2            # prints one JSON line
    train_torch.py resnet18 --threads 2 --serve    # to be driven interleaved with others:
      <- {"ready": true, "model": ..., "torch": ...}         once, after the warm-up
      -> step 5                                              as often as wanted
      <- {"seconds": [0.17, ...], "rss_mb": 530.1}           one number per step
      -> quit                                                or end of input
A line that cannot be understood is answered with {"error": ...}.
"""

import argparse
import json
import os
import statistics
import sys
import time

PEAK_ENV = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "4294967296",
    "OMP_PROC_BIND": "close",
    "OMP_PLACES": "cores",
}
CASES = {  # image shape, classes, batch
    "resnet20": ((3, 32, 32), 10, 128),
    "resnet18": ((3, 224, 224), 1000, 16),
}


def parse_args():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", choices=CASES)
    parser.add_argument("--batch", type=int, help="default 128 (resnet20), 16 (resnet18)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--serve", action="store_true", help="obey `step K` lines on stdin")
    parser.add_argument("--qat", action="store_true", help="quantization-aware training")
    parser.add_argument("--default-env", action="store_true", help="do not tune malloc and threads")
    args = parser.parse_args()
    if args.batch is None:
        args.batch = CASES[args.model][2]
    if min(args.threads, args.steps, args.batch) < 1 or args.warmup < 0:
        parser.error("--batch, --threads and --steps must be at least 1, --warmup at least 0")
    return args


def build(name, in_channels, classes):
    """The CIFAR ResNet-20 or torchvision's ResNet-18, with torchvision's parameter names."""
    import torch.nn.functional as F
    from torch import nn

    class BasicBlock(nn.Module):
        def __init__(self, in_channels, out_channels, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out_channels)
            self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out_channels)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = None
            if stride != 1 or in_channels != out_channels:
                self.downsample = nn.Sequential(
                    nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                    nn.BatchNorm2d(out_channels),
                )
            self.observed_add = None  # set by prepare_qat()

        def forward(self, x):
            y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
            shortcut = x if self.downsample is None else self.downsample(x)
            if self.observed_add is not None:
                return self.observed_add.add_relu(y, shortcut)
            y += shortcut
            return self.relu(y)

    class ResNet(nn.Module):
        def __init__(self, widths, blocks, imagenet_stem):
            super().__init__()
            kernel, stride, padding = (7, 2, 3) if imagenet_stem else (3, 1, 1)
            self.conv1 = nn.Conv2d(in_channels, widths[0], kernel, stride, padding, bias=False)
            self.bn1 = nn.BatchNorm2d(widths[0])
            self.relu = nn.ReLU(inplace=True)
            self.maxpool = nn.MaxPool2d(3, 2, 1) if imagenet_stem else nn.Identity()
            channels = widths[0]
            self.stages = [f"layer{i + 1}" for i in range(len(widths))]
            for stage, width in zip(self.stages, widths):
                stride = 1 if stage == "layer1" else 2
                layers = [BasicBlock(channels, width, stride)]
                layers += [BasicBlock(width, width, 1) for _ in range(blocks - 1)]
                self.add_module(stage, nn.Sequential(*layers))
                channels = width
            self.fc = nn.Linear(channels, classes)
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

        def forward(self, x):
            x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
            for stage in self.stages:
                x = getattr(self, stage)(x)
            return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))

    if name == "resnet20":
        return ResNet((16, 32, 64), blocks=3, imagenet_stem=False)
    return ResNet((64, 128, 256, 512), blocks=2, imagenet_stem=True)


def prepare_qat(net):
    """The network with fused modules and fake quantization of its input, weights (per channel), outputs and sums."""
    from torch.ao import quantization
    from torch.ao.nn.quantized import FloatFunctional

    net.train()
    quantization.fuse_modules_qat(net, ["conv1", "bn1", "relu"], inplace=True)
    for stage in net.stages:
        for block in getattr(net, stage):
            # Takes away relu, the one after the sum too: add_relu has that one.
            quantization.fuse_modules_qat(block, [["conv1", "bn1", "relu"], ["conv2", "bn2"]], inplace=True)
            block.observed_add = FloatFunctional()
            if block.downsample is not None:
                quantization.fuse_modules_qat(block.downsample, ["0", "1"], inplace=True)
    net = quantization.QuantWrapper(net)
    net.qconfig = quantization.get_default_qat_qconfig("onednn")
    return quantization.prepare_qat(net.train(), inplace=True)


def make_step(name, batch, qat):
    """One training step as a function without arguments."""
    import torch
    import torch.nn.functional as F

    shape, classes, _ = CASES[name]
    torch.manual_seed(1)
    net = build(name, shape[0], classes).to(memory_format=torch.channels_last).train()
    if qat:
        net = prepare_qat(net)
    images = torch.randn(batch, *shape).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(classes, (batch,))
    sgd = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step():
        sgd.zero_grad(set_to_none=True)
        F.cross_entropy(net(images), labels).backward()
        sgd.step()

    return step


def timed(step, count):
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return seconds


def peak_rss_mb():
    """Peak resident memory of this program image (getrusage would remember the one before exec)."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)


def say(**fields):
    print(json.dumps(fields), flush=True)


def serve(step):
    for line in sys.stdin:
        words = line.split()
        if words == ["quit"]:
            return
        if len(words) == 2 and words[0] == "step" and words[1].isdigit():
            say(seconds=timed(step, int(words[1])), rss_mb=peak_rss_mb())
        else:
            say(error=f"expected `step K` or `quit`, got {line.strip()!r}")


def main():
    args = parse_args()
    wanted = {**PEAK_ENV, "OMP_NUM_THREADS": str(args.threads)}
    if not args.default_env and any(os.environ.get(k) != v for k, v in wanted.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **wanted})

    import torch

    torch.set_num_threads(args.threads)
    step = make_step(args.model, args.batch, args.qat)
    timed(step, args.warmup)
    about = {"model": args.model, "batch": args.batch, "threads": args.threads, "qat": args.qat}
    if args.serve:
        say(ready=True, **about, torch=torch.__version__)
        serve(step)
        return
    median = statistics.median(timed(step, args.steps))
    say(**about, img_s=round(args.batch / median, 2), ms=round(1e3 * median, 2),
        rss_mb=peak_rss_mb(), torch=torch.__version__)


if __name__ == "__main__":
    main()
