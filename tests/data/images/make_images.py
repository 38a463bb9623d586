#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Makes the image files of this folder with Pillow: one pattern in every form that the reader must understand, a PNG
# that announces too many pixels, and Pillow's own resizing as a reference. Run it here; the files are kept in the tree.
import json
import struct
import zlib

import numpy as np
from PIL import Image

HEIGHT, WIDTH = 24, 40


def pattern(channels):
    """The same formula is in tests/data/image_file_test.cpp; smooth, so that JPEG keeps it nearly."""
    y, x, c = np.meshgrid(range(HEIGHT), range(WIDTH), range(channels), indexing="ij")
    return (5 * y + 3 * x + 10 * c).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, image_data):
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", image_data) + chunk(b"IEND", b"")


grey, rgb = Image.fromarray(pattern(1)[:, :, 0]), Image.fromarray(pattern(3))
grey.save("grey.png")
rgb.save("rgb.png")
rgb.save("rgb.bmp")
grey.save("grey.bmp")
rgba = rgb.copy()
rgba.putalpha(grey)
rgba.save("rgba.png")
grey.convert("P").save("palette.png")
Image.fromarray(pattern(1)[:, :, 0].astype(np.uint16) * 257).save("grey16.png")
rgb.save("rgb.jpg", quality=95, subsampling=0)
rgb.save("progressive.jpg", quality=95, subsampling=0, progressive=True)
grey.save("grey.jpg", quality=95)
noise = np.random.default_rng(1).integers(0, 256, (9, 13, 3), dtype=np.uint8)
Image.fromarray(noise).resize((37, 23)).save("subsampled.jpg", quality=75, subsampling=2)
rgba.convert("RGB").convert("CMYK").save("cmyk.jpg", quality=95)
# What Pillow reads from each.
for name in ["rgb.jpg", "progressive.jpg", "grey.jpg", "subsampled.jpg", "cmyk.jpg"]:
    Image.open(name).convert("RGB").save(name + ".png")

open("huge.png", "wb").write(png(30000, 20000, zlib.compress(bytes(100))))
# 16 MB of zeros in 16 kB, for an image of 4x4: what the stream holds is not what the header announces.
open("bomb.png", "wb").write(png(4, 4, zlib.compress(bytes(1 << 24), 9)))

sizes = [(9, 13), (4, 6), (5, 20), (18, 26), (1, 1), (23, 3)]
resized = [{"size": s, "pixels": np.asarray(Image.fromarray(noise).resize(s[::-1], Image.BILINEAR)).ravel().tolist()}
           for s in sizes]
json.dump({"height": 9, "width": 13, "pixels": noise.ravel().tolist(), "resized": resized},
          open("pillow_resize.json", "w"), separators=(",", ":"))
