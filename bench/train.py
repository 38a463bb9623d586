#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole training steps, Octet against PyTorch, interleaved in one run.

    bench/train.py BUILD_DIR [--rounds N] [--threads N] [MODEL ...]

Three processes per model (Octet, PyTorch with its defaults, PyTorch with malloc and threads tuned) take turns of a few
steps each, so that what the machine does meanwhile hits all alike; medians of all steps are compared. A last run of
Octet under ONEDNN_VERBOSE gives the share of the step that is spent in convolutions, and counts what a warm step should
not have: primitives created, activations reordered, memory asked of the system.
Prints a table on stderr and one JSON line per model on stdout.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PINNED = {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}
STEPS_PER_TURN = {"resnet20": 5, "resnet18": 2}


class Server:
    """A process that runs training steps when told to."""

    def __init__(self, command, threads, env=()):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads), **dict(env)})
        self.about = self._answer()
        self.seconds = []
        self.rss_mb = 0.0

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args}: ended with status {self.process.wait()}")
        return json.loads(line)

    def turn(self, steps):
        self.process.stdin.write(f"step {steps}\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.seconds += answer["seconds"]
        self.rss_mb = answer["rss_mb"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()

    @property
    def median(self):
        return statistics.median(self.seconds)


def look_inside(program, model, threads):
    """What ONEDNN_VERBOSE and the pool say of a warm step."""
    def lines(steps):
        result = subprocess.run(
            [program, model, "--threads", str(threads), "--warmup", "2", "--steps", str(steps)],
            env={**os.environ, **PINNED, "OMP_NUM_THREADS": str(threads), "ONEDNN_VERBOSE": "2"},
            capture_output=True, text=True, check=True)
        verbose = [line.split(",") for line in result.stdout.splitlines() if "verbose" in line]
        return verbose, json.loads(next(line for line in result.stdout.splitlines() if line.startswith("{")))

    (short, short_report), (long, report) = lines(1), lines(6)

    def count(verbose, what):
        return sum(1 for fields in verbose if what(fields))

    def convolution_ms(verbose):
        return sum(float(f[-1]) for f in verbose if "exec" in f and "convolution" in f)

    def is_activation_reorder(f):  # weights have a row-major side: abcd or abcde
        return "exec" in f and "reorder" in f and not re.search(r"blocked:abcde?:", ",".join(f))

    steps = len(report["seconds"]) - len(short_report["seconds"])
    share = (convolution_ms(long) - convolution_ms(short)) / steps / threads / 1e3 / statistics.median(report["seconds"])
    extra = {
        "primitives_created": count(long, lambda f: any(x.startswith("create") for x in f)) -
                              count(short, lambda f: any(x.startswith("create") for x in f)),
        "activation_reorders": count(long, is_activation_reorder) - count(short, is_activation_reorder),
        "system_allocations": report["system_allocations"] - short_report["system_allocations"],
    }
    return share, extra


def compare(build, model, threads, rounds):
    program = str(build / "bench_train_step")
    torch = ["/usr/bin/python3", str(HERE / "peers/train_torch.py"), model, "--threads", str(threads), "--serve"]
    octet = Server([program, model, "--threads", str(threads), "--serve"], threads, PINNED)
    peer = Server([*torch, "--default-env"], threads)
    tuned = Server(torch, threads)
    for _ in range(rounds):
        for server in (octet, peer, tuned):
            server.turn(STEPS_PER_TURN[model])
    for server in (octet, peer, tuned):
        server.close()

    share, extra = look_inside(program, model, threads)
    batch = octet.about["batch"]
    print(f"\n{model}, batch {batch}, {threads} threads, medians of {len(octet.seconds)} interleaved steps", file=sys.stderr)
    print(f"  {'':28}{'ms/step':>9}{'images/s':>10}{'peak MB':>9}", file=sys.stderr)
    for name, server in (("Octet", octet), (f"PyTorch {peer.about['torch']}", peer), ("PyTorch, malloc tuned", tuned)):
        print(f"  {name:28}{server.median * 1e3:9.1f}{batch / server.median:10.1f}{server.rss_mb:9.0f}", file=sys.stderr)
    print(f"  {share:.0%} of Octet's step is convolution; in warm steps: {extra}", file=sys.stderr)
    print(json.dumps({
        "bench": "train", "model": model, "batch": batch,
        "octet_img_s": round(batch / octet.median, 1),
        "peer_img_s": round(batch / peer.median, 1),
        "peer_tuned_img_s": round(batch / tuned.median, 1),
        "ratio": round(peer.median / octet.median, 3),
        "ratio_tuned": round(tuned.median / octet.median, 3),
        "octet_rss_mb": round(octet.rss_mb), "peer_rss_mb": round(peer.rss_mb), "peer_tuned_rss_mb": round(tuned.rss_mb),
        "convolution_share": round(share, 3), **extra,
    }), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("models", nargs="*", default=list(STEPS_PER_TURN))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    for model in args.models:
        compare(args.build, model, args.threads, args.rounds)


if __name__ == "__main__":
    main()
