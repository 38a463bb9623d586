#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What torchvision's transforms and PyTorch's schedules give over a grid of sizes and steps.

Needs torch, torchvision (0.15.2: pip install --no-deps, beside Debian's python3-torch) and Pillow (10.4.0). Images are given by a
formula (`pattern`), results by the CRC-32 of their bytes, rows from the top and channels together.
"""

import itertools
import os
import random
import warnings
import zlib

import numpy as np
import torch
from PIL import Image
from torchvision import transforms as T
from torchvision.transforms import functional as F

from golden_file import write_json

warnings.filterwarnings("ignore")
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def pattern(height, width, channels):
    values = ((np.arange(height * width * channels) * 7919 + 13) % 251).astype(np.uint8)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return Image.fromarray(values.reshape(shape))


def crc(image):
    return zlib.crc32(np.ascontiguousarray(np.asarray(image)).tobytes())


def center_crops():
    for h, th in itertools.product(range(1, 13), range(1, 13)):
        w, tw = 1 + (h * 5 + th) % 12, 1 + (h + th * 7) % 12
        yield [h, w, th, tw, crc(T.CenterCrop((th, tw))(pattern(h, w, 3)))]
    for h in range(224, 240):
        yield [h, h + 7, 224, 192, crc(T.CenterCrop((224, 192))(pattern(h, h + 7, 3)))]


def resizes():
    sides = [1, 2, 3, 4, 5, 7, 8, 12, 17, 24, 33, 64]
    rng = random.Random(1)
    for k in range(400):
        h, w, th, tw = (rng.choice(sides) for _ in range(4))
        channels = 1 + 2 * (k % 2)
        yield [h, w, channels, th, tw, crc(T.Resize((th, tw))(pattern(h, w, channels)))]
    for h, w, th, tw in [(375, 500, 224, 224), (100, 3, 7, 90), (331, 500, 37, 61), (1, 700, 9, 5), (32, 32, 224, 224)]:
        yield [h, w, 3, th, tw, crc(T.Resize((th, tw))(pattern(h, w, 3)))]


def shorter_sides():
    for h, w, length in itertools.product([1, 3, 7, 10, 23, 32], [1, 4, 9, 15, 31], [1, 2, 5, 8, 16, 29]):
        image = T.Resize(length)(pattern(h, w, 3))
        yield [h, w, length, image.height, image.width, crc(image)]
    for h, w in [(375, 500), (500, 333), (331, 500)]:
        image = T.Resize(256)(pattern(h, w, 3))
        yield [h, w, 256, image.height, image.width, crc(image)]


def random_crops():
    for h, w, th, tw, padding in [(4, 4, 4, 4, 1), (5, 3, 4, 3, 0), (3, 4, 5, 2, 1), (2, 2, 6, 5, 2), (6, 5, 1, 1, 1)]:
        padded = F.pad(pattern(h, w, 3), padding)
        places = itertools.product(range(padded.height - th + 1), range(padded.width - tw + 1))
        yield [h, w, th, tw, padding, sorted({crc(F.crop(padded, i, j, th, tw)) for i, j in places})]


def random_resized_crops():
    """Of one scale and one ratio, so that the size of the part is known: all places where it can be."""
    for h, w, scale, ratio in itertools.product([5, 9], [6, 11], [0.1, 0.3, 0.5], [0.75, 1.0, 1.25]):
        image = pattern(h, w, 3)
        places = {T.RandomResizedCrop.get_params(image, (scale, scale), (ratio, ratio)) for _ in range(1000)}
        crops = sorted({crc(F.resized_crop(image, *place, (4, 3))) for place in places})
        yield [h, w, scale, scale, ratio, ratio, 4, 3, crops]
    # No part fits: the whole area, in a ratio that the image does not have.
    for (h, w), ratio in itertools.product([(5, 40), (40, 5), (7, 33), (33, 7), (3, 50), (50, 3)],
                                           [(0.75, 4.0 / 3.0), (0.7, 1.3), (0.9, 1.7), (0.5, 1.1), (1.0, 1.0)]):
        image = pattern(h, w, 3)
        i, j, ph, pw = T.RandomResizedCrop.get_params(image, (1.0, 1.0), ratio)
        yield [h, w, 1.0, 1.0, *ratio, 6, 8, [crc(F.resized_crop(image, i, j, ph, pw, (6, 8)))]]


def flips():
    for h, w, channels in itertools.product([1, 2, 5], [1, 2, 3, 8], [1, 3]):
        yield [h, w, channels, crc(T.RandomHorizontalFlip(1.0)(pattern(h, w, channels)))]


def normalizations():
    for channels, mean, std in [(1, [0.0], [1.0]), (1, [0.5], [0.25]), (1, [0.2860], [0.3530]), (1, [0.1307], [0.3081]),
                                (3, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]), (3, [0.5], [0.5]),
                                (3, [0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616])]:
        values = np.tile(np.arange(256, dtype=np.uint8).reshape(16, 16, 1), (1, 1, channels))
        tensor = F.to_tensor(values if channels > 1 else values[:, :, 0])
        out = F.normalize(tensor, mean * (channels // len(mean)), std * (channels // len(std)))
        yield [channels, mean, std, crc(out.permute(1, 2, 0).numpy().astype("<f4"))]


def rates(make, steps):
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    scheduler, values = make(optimizer), []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


def schedules():
    """Milestones count from the start of the run, T_max from the end of the warm-up: as people chain them."""
    S, total = torch.optim.lr_scheduler, 24
    for warmup, start_factor in [(0, 1.0), (1, 0.5), (4, 0.1), (5, 1.0 / 3), (9, 0.01), (6, 1.0)]:
        curves = [({"name": "constant"}, lambda o: S.ConstantLR(o, factor=1.0))]
        for milestones, gamma in [([4], 0.1), ([4, 8], 0.1), ([5, 9, 10], 0.5), ([2, 12], 0.1), ([1, 2, 3], 0.3),
                                  ([6, 6, 20], 0.5), ([9], 1.5), ([23], 0.1), ([24, 40], 0.1)]:
            shifted = [m - warmup for m in milestones]
            curves.append(({"name": "step", "milestones": milestones, "gamma": gamma},
                           lambda o, m=shifted, g=gamma: S.MultiStepLR(o, m, g)))
        for eta_min in [0.0, 0.01]:
            curves.append(({"name": "cosine", "eta_min": eta_min},
                           lambda o, e=eta_min: S.CosineAnnealingLR(o, total - warmup, e)))
        for pct_start, div, final_div in [(0.3, 25.0, 1e4), (0.25, 10.0, 100.0), (0.5, 2.0, 1.0), (0.9, 25.0, 1e4)]:
            curves.append(({"name": "one_cycle", "pct_start": pct_start, "div_factor": div, "final_div_factor": final_div},
                           lambda o, p=pct_start, d=div, f=final_div: S.OneCycleLR(
                               o, 0.1, total_steps=total - warmup + 1, pct_start=p, div_factor=d, final_div_factor=f,
                               cycle_momentum=False)))

        def chained(optimizer, curve):
            if warmup == 0:
                return curve(optimizer)
            first = S.LinearLR(optimizer, start_factor=start_factor, total_iters=warmup)
            return S.SequentialLR(optimizer, [first, curve(optimizer)], milestones=[warmup])

        for options, curve in curves:
            values = rates(lambda o, c=curve: chained(o, c), total)
            yield {**options, "base_lr": 0.1, "total_steps": total, "warmup": warmup, "start_factor": start_factor,
                   "lr": [float(f"{v:.15g}") for v in values]}


def main():
    torch.manual_seed(1)
    sections = [center_crops, resizes, shorter_sides, random_crops, random_resized_crops, flips, normalizations]
    write_json(os.path.join(HERE, "torchvision_transforms.json"), {s.__name__: list(s()) for s in sections})
    write_json(os.path.join(HERE, "pytorch_schedules.json"), {"schedules": list(schedules())})


main()
