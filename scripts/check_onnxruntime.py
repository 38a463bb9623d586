#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a deployed network of Fashion-MNIST in ONNX Runtime over all test images, after ONNX's checker has passed it.

    scripts/check_onnxruntime.py BUILD_FOLDER RUN

RUN is a retrained run that `octet deploy` has been over; BUILD_FOLDER has `octet` and `bench_int8`. ONNX Runtime, ONNX
and NumPy come from PyPI into BUILD_FOLDER/peers. Compares with Octet, image by image: the class, the logits, and the
tensor of the last quantizer, in its steps. Fails if the accuracies differ or a value is more than a step away.
"""
import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile
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


def test_images(mean, std):
    import numpy as np

    raw = gzip.decompress((DATA / "t10k-images-idx3-ubyte.gz").read_bytes())[IMAGES_HEADER:]
    labels = np.frombuffer(gzip.decompress((DATA / "t10k-labels-idx1-ubyte.gz").read_bytes())[LABELS_HEADER:], np.uint8)
    images = np.frombuffer(raw, np.uint8).reshape(-1, 1, SIDE, SIDE).astype(np.float32) / np.float32(255)
    return (images - np.float32(mean)) / np.float32(std), labels


def up_to_last_quantizer(model, path):
    """Writes the part of the model that ends with the last quantizer, and returns the quantizer's scale."""
    import onnx

    quantizer = [node for node in model.graph.node if node.op_type == "QuantizeLinear"][-1]
    reader = next(node for node in model.graph.node if quantizer.output[0] in node.input)
    constants = {constant.name: onnx.numpy_helper.to_array(constant) for constant in model.graph.initializer}
    part = onnx.utils.Extractor(model).extract_model([model.graph.input[0].name], [reader.output[0]])
    onnx.save(part, path)
    return float(constants[quantizer.input[1]])


def in_onnxruntime(path, images):
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: images[i:i + BATCH]})[0] for i in range(0, len(images), BATCH)])


def in_octet(build, path, images, folder):
    import numpy as np

    results = []
    for i in range(0, len(images), BATCH):
        batch = images[i:i + BATCH]
        (folder / "input.bin").write_bytes(batch.tobytes())
        subprocess.run([build / "bench_int8", path, str(len(batch)), folder / "input.bin", folder / "output.bin"],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        results.append(np.fromfile(folder / "output.bin", np.float32).reshape(len(batch), -1))
    return np.concatenate(results)


def compare(build, run, folder):
    import numpy as np
    import onnx

    file = run / "deploy_model.onnx"
    model = onnx.shape_inference.infer_shapes(onnx.load(file))
    onnx.checker.check_model(model, full_check=True)
    images, labels = test_images(*mean_and_std(run))
    theirs, ours = in_onnxruntime(file, images), in_octet(build, file, images, folder)
    step = up_to_last_quantizer(model, folder / "part.onnx")
    their_steps, our_steps = (np.rint(values.reshape(len(images), -1) / step) for values in
                              (in_onnxruntime(folder / "part.onnx", images),
                               in_octet(build, folder / "part.onnx", images, folder)))
    steps = np.abs(their_steps - our_steps)
    accuracies = [100 * (logits.argmax(1) == labels).mean() for logits in (theirs, ours)]
    print(f"ONNX's checker: passed\n"
          f"accuracy:       {accuracies[0]:.2f} % in ONNX Runtime, {accuracies[1]:.2f} % in Octet\n"
          f"classes:        {(theirs.argmax(1) != ours.argmax(1)).sum()} of {len(images)} images differ\n"
          f"logits:         {100 * (theirs == ours).mean():.1f} % equal, largest difference "
          f"{np.abs(theirs - ours).max():.3g} of values up to {np.abs(ours).max():.3g}\n"
          f"last quantizer: {100 * (steps == 0).mean():.2f} % equal, largest difference {steps.max():.0f} step(s) of "
          f"{step:.3g}")
    return accuracies[0] == accuracies[1] and steps.max() <= 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.here:
        return subprocess.run([peers_python(args.build), __file__, args.build, args.run, "--here"], check=False).returncode
    with tempfile.TemporaryDirectory() as folder:
        return 0 if compare(args.build, args.run, pathlib.Path(folder)) else 1


if __name__ == "__main__":
    sys.exit(main())
