# SPDX-License-Identifier: Apache-2.0
"""What benchmarks of training steps share: programs that run steps in turns, and a look inside Octet's."""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PINNED = {"OMP_PROC_BIND": "close", "OMP_PLACES": "cores"}
STEPS_PER_TURN = {"resnet20": 5, "resnet18": 2}
PEER = Path(__file__).resolve().parent / "peers/train_torch.py"


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

    @property
    def images_per_second(self):
        return self.about["batch"] / self.median


def octet_server(build, model, threads, *options):
    return Server([str(build / "bench_train_step"), model, "--threads", str(threads), "--serve", *options], threads,
                  PINNED)


def torch_servers(model, threads, *options):
    """PyTorch with its defaults, and with malloc and threads tuned."""
    command = ["/usr/bin/python3", str(PEER), model, "--threads", str(threads), "--serve", *options]
    return Server([*command, "--default-env"], threads), Server(command, threads)


def take_turns(servers, steps, rounds):
    """Interleaved, so that what the machine does meanwhile hits all alike; then they end."""
    for _ in range(rounds):
        for server in servers:
            server.turn(steps)
    for server in servers:
        server.close()


def print_table(model, threads, rows):
    """On stderr; rows are pairs of a name and a Server."""
    first = rows[0][1]
    print(f"\n{model}, batch {first.about['batch']}, {threads} threads, "
          f"medians of {len(first.seconds)} interleaved steps", file=sys.stderr)
    print(f"  {'':28}{'ms/step':>9}{'images/s':>10}{'peak MB':>9}", file=sys.stderr)
    for name, server in rows:
        print(f"  {name:28}{server.median * 1e3:9.1f}{server.images_per_second:10.1f}{server.rss_mb:9.0f}",
              file=sys.stderr)


@dataclass
class WarmStep:
    """What ONEDNN_VERBOSE and the pool say of one of Octet's warm steps."""

    milliseconds: float
    convolution_milliseconds: dict  # by part: "forward, int8", "backward data", ...
    unwanted: dict  # counts of what a warm step should not do

    @property
    def convolution_share(self):
        return sum(self.convolution_milliseconds.values()) / self.milliseconds


CONVOLUTION_PARTS = ("forward, float32", "forward, int8", "backward data", "backward weights")


def convolution_part(fields):
    """One of CONVOLUTION_PARTS for a line of ONEDNN_VERBOSE that executes a convolution, or None."""
    if "exec" not in fields or "convolution" not in fields:
        return None
    direction, tensors = fields[fields.index("convolution") + 2:][:2]
    if direction.startswith("backward"):
        return direction.replace("_", " ")
    return "forward, int8" if "src_u8" in tensors else "forward, float32"


def is_activation_reorder(fields):  # weights have a row-major side: abcd or abcde
    return "exec" in fields and "reorder" in fields and not re.search(r"blocked:abcde?:", ",".join(fields))


def is_creation(fields):
    return any(field.startswith("create") for field in fields)


def look_inside(build, model, threads, *options):
    """The WarmStep of `bench_train_step MODEL OPTIONS`, from what is printed between two answers."""
    steps = 5
    result = subprocess.run(
        [str(build / "bench_train_step"), model, "--threads", str(threads), "--serve", *options],
        input=f"step 1\nstep {steps}\n",
        env={**os.environ, **PINNED, "OMP_NUM_THREADS": str(threads), "ONEDNN_VERBOSE": "2"},
        stdout=subprocess.PIPE, text=True, check=True)
    lines = result.stdout.splitlines()
    _, before, after = (number for number, line in enumerate(lines) if line.startswith("{"))
    report, report_before = json.loads(lines[after]), json.loads(lines[before])
    warm = [line.split(",") for line in lines[before + 1:after]]

    def convolution_ms(part):  # each thread executes primitives of its own
        return sum(float(fields[-1]) for fields in warm if convolution_part(fields) == part) / steps / threads

    return WarmStep(
        statistics.mean(report["seconds"]) * 1e3,
        {part: convolution_ms(part) for part in CONVOLUTION_PARTS},
        {"primitives_created": sum(map(is_creation, warm)),
         "activation_reorders": sum(map(is_activation_reorder, warm)),
         "system_allocations": report["system_allocations"] - report_before["system_allocations"]})


def parse_arguments(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("build", type=Path, help="folder of bench_train_step")
    parser.add_argument("models", nargs="*", default=list(STEPS_PER_TURN), metavar="MODEL",
                        help=f"default: {' '.join(STEPS_PER_TURN)}")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_intermixed_args()
    for model in args.models:
        if model not in STEPS_PER_TURN:
            parser.error(f"unknown model {model}: {' or '.join(STEPS_PER_TURN)}")
    if min(args.rounds, args.threads) < 1:
        parser.error("--rounds and --threads must be at least 1")
    return args
