#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The weights after some steps of ResNet-20 on Fashion-MNIST, for several numbers of threads and for a run that is
stopped in its middle and resumed: all have to be the same bits. Then what that costs: the time of a training step
against one in which oneDNN adds up weight gradients in the order it likes best, which changes with the threads.

    bench/same_bits.py BUILD_DIR [--steps N] [--rounds N]

Prints the hashes and a ratio, and one JSON line at the end. Fails if two hashes differ.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from training_steps import STEPS_PER_TURN, octet_server, take_turns

EXPERIMENT = Path(__file__).resolve().parent.parent / "experiments/fashion_resnet20.yaml"
THREADS = (1, 2, 3, 4, 8)
STOPPED = 130  # exit code of `octet train` after Ctrl-C


def train(octet, steps, directory, threads, *options, stop_at=None):
    """Runs `octet train`; once its log has `stop_at` steps, sends it what Ctrl-C does."""
    command = [octet, "train", EXPERIMENT, "--set", f"max_steps={steps}", "--set", "log_every=1", "--run-dir", directory,
               "--threads", threads, *options]
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    log = directory / "log.jsonl"
    while stop_at and process.poll() is None:
        if log.exists() and log.read_text().count("\n") >= stop_at:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.02)
    expected = STOPPED if stop_at else 0
    if process.wait() != expected:
        sys.exit(f"octet train ended with status {process.returncode}, not {expected}")
    return json.loads((directory / "manifest.json").read_text())["result"]


def hashes(octet, steps, runs):
    """Hash of the weights by name of the run."""
    found = {}

    def show(name, result):
        found[name] = result["weights_sha256"]
        print(f"  {name:28} {found[name]}", flush=True)

    for threads in THREADS:
        show(f"{threads} threads", train(octet, steps, runs / f"threads-{threads}", threads))
    stopped = train(octet, steps, runs / "stopped", 1, stop_at=steps // 2)
    resumed = train(octet, steps, runs / "stopped", 2, "--resume")
    show(f"stopped after {stopped['steps']}, resumed", resumed)
    return found


def cost(build, threads, rounds):
    """Median seconds of a step: in the fixed order, and in oneDNN's."""
    fixed = octet_server(build, "resnet20", threads)
    free = octet_server(build, "resnet20", threads, "--thread-dependent")
    take_turns([fixed, free], STEPS_PER_TURN["resnet20"], rounds)
    return fixed.median, free.median


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2, help="for the cost")
    args = parser.parse_args()

    print(f"SHA-256 of the weights of ResNet-20 after {args.steps} steps on Fashion-MNIST")
    with tempfile.TemporaryDirectory() as runs:
        found = hashes(args.build / "octet", args.steps, Path(runs))
    same = len(set(found.values())) == 1
    print("all the same\n" if same else "NOT all the same\n", flush=True)

    fixed, free = cost(args.build, args.threads, args.rounds)
    print(f"a step in fixed order takes {fixed * 1e3:.1f} ms, in oneDNN's own {free * 1e3:.1f} ms: {fixed / free:.3f}x")
    print(json.dumps({"bench": "same_bits", "model": "resnet20", "steps": args.steps, "same": same,
                      "weights_sha256": sorted(set(found.values())), "fixed_order_cost": round(fixed / free, 3)}))
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
