#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes Fashion-MNIST as a folder of PNG files, one folder per class: OUT/train/0_t-shirt/00001.png and so on.

The digit in front of a name keeps the classes, which are sorted by name, in the order of the original labels. Needs
Debian's python3-pil and dataset-fashion-mnist.
"""
import argparse
import gzip
import pathlib

from PIL import Image

CLASSES = ["0_t-shirt", "1_trouser", "2_pullover", "3_dress", "4_coat",
           "5_sandal", "6_shirt", "7_sneaker", "8_bag", "9_ankle-boot"]
SIDE = 28
IMAGES_HEADER, LABELS_HEADER = 16, 8


def write_split(source, prefix, target):
    images = gzip.open(source / f"{prefix}-images-idx3-ubyte.gz").read()[IMAGES_HEADER:]
    labels = gzip.open(source / f"{prefix}-labels-idx1-ubyte.gz").read()[LABELS_HEADER:]
    for name in CLASSES:
        (target / name).mkdir(parents=True, exist_ok=True)
    for i, label in enumerate(labels):
        pixels = images[i * SIDE * SIDE:(i + 1) * SIDE * SIDE]
        Image.frombytes("L", (SIDE, SIDE), pixels).save(target / CLASSES[label] / f"{i + 1:05}.png")
    print(f"{len(labels)} images in {target}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path, help="folder to make; gets train/ and test/")
    parser.add_argument("--source", type=pathlib.Path, default="/usr/share/datasets/fashion-mnist",
                        help="folder of the four IDX files (default: %(default)s)")
    args = parser.parse_args()
    write_split(args.source, "train", args.out / "train")
    write_split(args.source, "t10k", args.out / "test")


if __name__ == "__main__":
    main()
