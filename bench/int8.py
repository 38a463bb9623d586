#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times int8 inference against ONNX Runtime and PyTorch: same network, same threads, in turn, float NCHW input to
logits. Octet and ONNX Runtime run the same file, which ONNX Runtime's quantizer made.

    bench/int8.py BUILD_FOLDER [--rounds N] [--models resnet20,resnet18]

ONNX Runtime is taken from PyPI into BUILD_FOLDER/peers; PyTorch is Debian's. One JSON line per case: the median over the
rounds of each one's milliseconds, and the ratio of the faster peer to Octet. A second line compares with the float network
in Octet, as a whole and for the layer that gains least.
"""
import argparse
import array
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
SIZES = {"resnet20": 32, "resnet18": 224}
SYSTEM_PYTHON = "/usr/bin/python3"


class Worker:
    """A process that times itself on demand."""

    def __init__(self, command, threads):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), OMP_PROC_BIND="close", OMP_PLACES="cores")
        environment.pop("OMP_WAIT_POLICY", None)
        self.process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True, env=environment)
        line = self.process.stdout.readline().strip()
        if line != "ready":
            sys.exit(f"int8.py: {command[0]} {command[1]} did not start: {line}")

    def milliseconds(self, repetitions):
        self.process.stdin.write(f"{repetitions}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def peers_python(build):
    folder = build / "peers"
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import onnxruntime, onnx"], capture_output=True, check=False).returncode != 0:
        subprocess.run([python, "-m", "pip", "install", "--quiet", "onnxruntime", "onnx"], check=True)
    return python


def model_file(build, python, model):
    folder = build / "int8"
    folder.mkdir(exist_ok=True)
    quantized = folder / f"{model}.onnx"
    if not quantized.exists():
        real = folder / f"{model}_float.onnx"
        subprocess.run([SYSTEM_PYTHON, HERE / "peers/int8_torch.py", "export", model, real], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([python, HERE / "peers/int8_ort.py", "quantize", real, quantized], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return quantized


def input_file(build, model, batch):
    path = build / "int8" / f"{model}_{batch}.bin"
    generator = random.Random(1)
    values = array.array("f", (generator.gauss(0, 1) for _ in range(3 * SIZES[model] ** 2)))
    with open(path, "wb") as file:
        for _ in range(batch):
            values.tofile(file)
    return path


def run_case(build, python, model, batch, threads, rounds):
    quantized, data = model_file(build, python, model), input_file(build, model, batch)
    peers = HERE / "peers"
    workers = {
        "octet": Worker([build / "bench_int8", quantized, batch, data, build / "int8/octet.bin"], threads),
        "ort": Worker([python, peers / "int8_ort.py", "run", quantized, data, batch, threads], threads),
        "torch": Worker([SYSTEM_PYTHON, peers / "int8_torch.py", "run", model, batch, threads], threads),
    }
    times = {name: [] for name in workers}
    for worker in workers.values():
        worker.milliseconds(2)
    repetitions = {name: max(3, int(150 / worker.milliseconds(3))) for name, worker in workers.items()}
    for _ in range(rounds):
        for name, worker in workers.items():
            times[name].append(worker.milliseconds(repetitions[name]))
    for worker in workers.values():
        worker.stop()
    medians = {name: statistics.median(values) for name, values in times.items()}
    return {"bench": "int8", "model": model, "batch": batch, "threads": threads,
            **{f"{name}_ms": round(value, 4) for name, value in medians.items()},
            "ratio": round(min(medians["ort"], medians["torch"]) / medians["octet"], 3)}


def layers_with_weights(build, file, batch, threads):
    """The whole network's milliseconds, and those of each convolution and linear layer."""
    answer = json.loads(subprocess.run([build / "octet", "bench", file, "--batch", str(batch), "--threads", str(threads),
                                        "--json"], check=True, capture_output=True, text=True).stdout)
    return answer["milliseconds"], {layer["name"]: layer["milliseconds"] for layer in answer["layers"]
                                    if layer["giga_operations"] > 0}


def compare_with_float(build, python, model, batch, threads):
    quantized = model_file(build, python, model)
    int8, int8_layers = layers_with_weights(build, quantized, batch, threads)
    real, real_layers = layers_with_weights(build, quantized.with_stem(f"{model}_float"), batch, threads)
    # The int8 layer's time includes what is fused to it, the float layer's does not.
    least, layer = min((real_layers[name] / int8_layers[name], name) for name in int8_layers)
    return {"bench": "int8_float", "model": model, "batch": batch, "threads": threads, "float_ms": round(real, 4),
            "int8_ms": round(int8, 4), "gain": round(real / int8, 2), "least_gain_of_a_layer": round(least, 2),
            "layer": layer}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", default="resnet20,resnet18")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    python = peers_python(build)
    for model in arguments.models.split(","):
        for batch in (1, 32):
            for threads in (1, 2):
                print(json.dumps(run_case(build, python, model, batch, threads, arguments.rounds)), flush=True)
                print(json.dumps(compare_with_float(build, python, model, batch, threads)), flush=True)


if __name__ == "__main__":
    main()
