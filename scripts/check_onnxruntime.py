#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a deployed network of Fashion-MNIST in ONNX Runtime over all test images, after ONNX's checker has passed it.

    scripts/check_onnxruntime.py BUILD_FOLDER RUN

RUN is a retrained run that `octet deploy` has been over. ONNX Runtime, ONNX and NumPy come from PyPI into
BUILD_FOLDER/peers. Prints the accuracy in ONNX Runtime beside that of `octet eval` on the same file, which must be equal.
"""
import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import venv

DATA = pathlib.Path("/usr/share/datasets/fashion-mnist")
IMAGES_HEADER, LABELS_HEADER, SIDE, BATCH = 16, 8, 28, 250


def peers_python(build):
    """The interpreter that has the peers; makes it on the first call."""
    folder = build / "peers"
    if not (folder / "bin/python").exists():
        venv.create(folder, with_pip=True)
    python = folder / "bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "onnx", "onnxruntime", "numpy"], check=True)
    return python


def mean_and_std(run):
    experiment = json.loads((run / "experiment.json").read_text())
    normalize = next(t for t in experiment["test_transforms"] if t["name"] == "normalize")
    first = lambda v: v[0] if isinstance(v, list) else v
    return first(normalize["mean"]), first(normalize["std"])


def right_answers(model, mean, std):
    """How many of the test images ONNX Runtime gets right."""
    import numpy as np
    import onnx
    import onnxruntime

    onnx.checker.check_model(onnx.load(model), full_check=True)
    raw = gzip.decompress((DATA / "t10k-images-idx3-ubyte.gz").read_bytes())[IMAGES_HEADER:]
    labels = np.frombuffer(gzip.decompress((DATA / "t10k-labels-idx1-ubyte.gz").read_bytes())[LABELS_HEADER:], np.uint8)
    images = np.frombuffer(raw, np.uint8).reshape(-1, 1, SIDE, SIDE).astype(np.float32) / np.float32(255)
    images = (images - np.float32(mean)) / np.float32(std)
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    logits = np.concatenate([session.run(None, {name: images[i:i + BATCH]})[0] for i in range(0, len(images), BATCH)])
    return int((logits.argmax(1) == labels).sum()), len(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    model = args.run / "deploy_model.onnx"
    if not args.here:
        return subprocess.run([peers_python(args.build), __file__, args.build, args.run, "--here"]).returncode
    right, total = right_answers(model, *mean_and_std(args.run))
    print(f"ONNX's checker: passed\nONNX Runtime:   {100 * right / total:.2f} % of {total} images")
    ours = subprocess.run([args.build / "octet", "eval", model], check=True, capture_output=True, text=True).stdout
    print("octet eval:     " + ours.strip().splitlines()[-1])
    accuracy = re.search(r"(\d+\.\d+) %", ours)
    return 0 if accuracy and accuracy.group(1) == f"{100 * right / total:.2f}" else 1


if __name__ == "__main__":
    sys.exit(main())
