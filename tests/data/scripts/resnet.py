# SPDX-License-Identifier: Apache-2.0
"""ResNets in PyTorch with torchvision's parameter names, and tools to make golden data with them."""

import torch
import torch.nn.functional as F
from torch import nn


class BasicBlock(nn.Module):
    def __init__(self, in_channels, out_channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Stages `layer1`, `layer2`, ... of `blocks` basic blocks; all but the first halve the image."""

    def __init__(self, in_channels, classes, widths, blocks, imagenet_stem):
        super().__init__()
        kernel, stride, padding = (7, 2, 3) if imagenet_stem else (3, 1, 1)
        self.conv1 = nn.Conv2d(in_channels, widths[0], kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.maxpool = nn.MaxPool2d(3, 2, 1) if imagenet_stem else nn.Identity()
        self.stages = [f"layer{i + 1}" for i in range(len(widths))]
        channels = widths[0]
        for stage, width in zip(self.stages, widths):
            first = BasicBlock(channels, width, 1 if stage == "layer1" else 2)
            rest = [BasicBlock(width, width, 1) for _ in range(blocks - 1)]
            self.add_module(stage, nn.Sequential(first, *rest))
            channels = width
        self.fc = nn.Linear(channels, classes)

    def forward(self, x):
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def resnet8(in_channels, classes):
    return ResNet(in_channels, classes, (16, 32, 64), blocks=1, imagenet_stem=False)


def resnet18(in_channels, classes):
    return ResNet(in_channels, classes, (64, 128, 256, 512), blocks=2, imagenet_stem=True)


def randomize(net, images):
    """Makes every parameter and statistic count: no BatchNorm is left at 0 and 1.

    The running statistics are those of `images`, disturbed, so that activations keep a sane size.
    """
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d)]
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        for norm in norms:
            norm.weight.uniform_(0.5, 1.5)
            norm.bias.uniform_(-0.3, 0.3)
            norm.momentum = 1.0
        net.train()(images)
        for norm in norms:
            norm.momentum = 0.1
            deviation = norm.running_var.sqrt()
            norm.running_mean += 0.2 * deviation * torch.randn_like(deviation)
            norm.running_var *= torch.empty_like(deviation).uniform_(0.7, 1.4)
            norm.num_batches_tracked.fill_(1234)
    return net
