# SPDX-License-Identifier: Apache-2.0
"""PyTorch's part of bench/int8.py.

    int8_torch.py export MODEL FILE            the float network, folded, as ONNX
    int8_torch.py run MODEL BATCH THREADS      its int8 form (onednn engine, traced): prints "ready", then for each line
                                               REPETITIONS on standard input the median milliseconds of that many runs
"""
import sys
import time
import warnings

import torch
from torch import nn
from torch.ao import quantization

warnings.filterwarnings("ignore")


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.shortcut = None
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.sum = nn.quantized.FloatFunctional()

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.sum.add_relu(y, x if self.shortcut is None else self.shortcut(x))


class ResNet(nn.Module):
    """resnet20: 3x32x32, three stages of three blocks; resnet18: 3x224x224, four stages of two."""

    def __init__(self, name):
        super().__init__()
        self.size, widths, blocks, classes = {"resnet20": (32, (16, 32, 64), 3, 10),
                                              "resnet18": (224, (64, 128, 256, 512), 2, 1000)}[name]
        large = name == "resnet18"
        self.quant, self.dequant = quantization.QuantStub(), quantization.DeQuantStub()
        self.conv = nn.Conv2d(3, widths[0], 7 if large else 3, 2 if large else 1, 3 if large else 1, bias=False)
        self.bn, self.relu = nn.BatchNorm2d(widths[0]), nn.ReLU()
        self.pool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        layers, before = [], widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                layers.append(Block(before, width, 2 if stage > 0 and block == 0 else 1))
                before = width
        self.layers = nn.Sequential(*layers)
        self.mean, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(before, classes)

    def forward(self, x):
        x = self.pool(self.relu(self.bn(self.conv(self.quant(x)))))
        return self.dequant(self.fc(torch.flatten(self.mean(self.layers(x)), 1)))


def folded(name):
    torch.manual_seed(1)
    net = ResNet(name)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    net.eval()
    quantization.fuse_modules(net, [["conv", "bn", "relu"]], inplace=True)
    for block in net.layers:
        quantization.fuse_modules(block, [["conv1", "bn1", "relu1"], ["conv2", "bn2"]], inplace=True)
        if block.shortcut is not None:
            quantization.fuse_modules(block.shortcut, [["0", "1"]], inplace=True)
    return net


def export(name, path):
    net = folded(name)
    x = torch.randn(1, 3, net.size, net.size)
    axes = {"x": {0: "batch"}, "y": {0: "batch"}}
    torch.onnx.export(net, x, path, input_names=["x"], output_names=["y"], dynamic_axes=axes, opset_version=13)


def run(name, batch, threads):
    torch.set_num_threads(threads)
    torch.backends.quantized.engine = "onednn"
    net = folded(name)
    net.qconfig = quantization.get_default_qconfig("onednn")
    quantization.prepare(net, inplace=True)
    with torch.inference_mode():
        net(torch.randn(8, 3, net.size, net.size))
    quantization.convert(net, inplace=True)
    x = torch.randn(batch, 3, net.size, net.size)
    with torch.inference_mode():
        traced = torch.jit.freeze(torch.jit.trace(net, x))
        for _ in range(3):
            traced(x)
        print("ready", flush=True)
        for line in sys.stdin:
            times = []
            for _ in range(int(line)):
                begin = time.perf_counter()
                traced(x)
                times.append(time.perf_counter() - begin)
            print(1e3 * sorted(times)[len(times) // 2], flush=True)


if sys.argv[1] == "export":
    export(sys.argv[2], sys.argv[3])
else:
    run(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
