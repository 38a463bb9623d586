#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills training runs at random moments, and lets each of their writes, syncs and renames fail, one by one.

    tests/crash/crash_test.py BUILD_DIR [--kills N] [--every N] [--jobs N] [--seed N]

A small float run and its retraining in 8 bits (first clips are looked for over several steps) are

1. killed by SIGKILL at --kills random moments, and gone on with until they end;
2. killed within each call that changes a file (half of a write is done), and gone on with;
3. run with each such call failing once, and with all of them failing from there on, as a full disk does it.

Checked each time: whatever is left can be read; nothing that was saved is lost (a run never goes on from an earlier
step than it could before); the run, gone on with, ends with the weights of one that nobody disturbed; and a call that
fails either does no harm or ends the command with a message that says which file and why. --every N tries every N-th
call only. Prints a line per part, and fails if anything is wrong.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FLOAT = """name: float
seed: 1
data: {kind: synthetic, train_samples: 256, test_samples: 64, size: 16, channels: 1, classes: 4}
model: {name: resnet8}
epochs: 4
batch_size: 32
optimizer: {name: sgd, lr: 0.05, momentum: 0.9}
schedule: {name: cosine}
log_every: 3
train_transforms: [{name: normalize, mean: 0.5, std: 0.25}]
test_transforms: [{name: normalize, mean: 0.5, std: 0.25}]
"""
RETRAINED = FLOAT.replace("name: float", "name: retrained").replace("epochs: 4", "epochs: 3").replace("0.05", "0.005") + \
    "quantization: {weights: WEIGHTS, shortcuts: true, definition: {batch_num: 5}}\n"
# What the C library says of the errors that faults.cpp makes.
REASONS = "No space left on device|Input/output error|Permission denied|Too many links|Device or resource busy"


class Wrong(Exception):
    pass


class Run:
    """One experiment in one directory, whose files are checked after each try."""

    def __init__(self, octet, command, experiment, folder):
        self.octet, self.command, self.experiment = octet, command, experiment
        self.directory = folder / "run"
        self.saved_step = 0
        self.error = ""
        self.note = ""  # what was done to it, for messages

    def start(self, faults=None):
        """The command as a user would give it: begun, or gone on with where there is something."""
        arguments = [self.octet, self.command, self.experiment, "--run-dir", self.directory, "--threads", "1"]
        if (self.directory / "manifest.json").exists():  # else it had not begun
            arguments.append("--resume")
        environment = {**os.environ, "OMP_WAIT_POLICY": "passive", **(faults or {})}
        self.errors = tempfile.TemporaryFile("w+")
        return subprocess.Popen([str(a) for a in arguments], stdout=subprocess.DEVNULL, stderr=self.errors, env=environment)

    def wait(self, process, timeout=600):
        process.wait(timeout)
        self.errors.seek(0)
        self.error = self.errors.read()
        self.errors.close()
        self.check_files()
        return process.returncode

    def manifest(self):
        return json.loads((self.directory / "manifest.json").read_text())

    def complete(self):
        return (self.directory / "manifest.json").exists() and self.manifest()["status"] == "complete"

    def check_files(self):
        """All files are whole, and the newest checkpoint is no older than it was."""
        for name in ("experiment.json", "manifest.json", "quant_config.json"):
            path = self.directory / name
            if path.exists():
                json.loads(path.read_text())
        checkpoints = [self.directory / name for name in ("checkpoint.safetensors", "checkpoint.previous.safetensors")]
        step = max((step_of(path) for path in checkpoints if path.exists()), default=0)
        if step < self.saved_step:
            raise Wrong(f"a checkpoint of step {self.saved_step} was there, now the newest is of step {step}")
        self.saved_step = step

    def finish(self, hash_of_weights):
        """Goes on undisturbed. The end must be that of a run that nobody disturbed."""
        began_at = self.saved_step
        was_complete = self.complete()
        code = 0 if was_complete else self.wait(self.start())
        if code != 0:
            raise Wrong(f"cannot go on: exit code {code}: {self.error.strip()}")
        manifest = self.manifest()
        if manifest["status"] != "complete" or manifest["result"]["weights_sha256"] != hash_of_weights:
            raise Wrong(f"ended otherwise: {manifest['status']}, {manifest['result']}")
        resumed = manifest["resumed_at_steps"]
        if resumed != sorted(resumed) or (not was_complete and began_at and resumed[-1:] != [began_at]):
            raise Wrong(f"saved up to step {began_at}, but went on at {resumed}")
        epochs = [row["epoch"] for row in log_rows(self.directory) if row["event"] == "epoch"]
        if epochs != list(range(1, len(epochs) + 1)) or len(epochs) != manifest["result"]["epochs"]:
            raise Wrong(f"log.jsonl has the epochs {epochs}")
        left = [p.name for p in self.directory.iterdir() if ".tmp" in p.name]
        if left:
            raise Wrong(f"temporary files are left: {left}")


def log_rows(directory):
    return [json.loads(line) for line in (directory / "log.jsonl").read_text().splitlines()]


def step_of(checkpoint):
    """The step that a checkpoint was written in; fails if its header is not whole."""
    bytes_ = checkpoint.read_bytes()
    size = int.from_bytes(bytes_[:8], "little")
    header = json.loads(bytes_[8:8 + size])
    end = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
    if len(bytes_) < 8 + size + end:
        raise Wrong(f"{checkpoint.name} is cut off")
    return json.loads(header["__metadata__"]["progress"])["step"]


class Tester:
    """One experiment, whose runs are disturbed, some at a time."""

    def __init__(self, build, command, experiment, top, jobs, seed):
        self.octet, self.library = build / "octet", build / "libfaults.so"
        self.command, self.experiment, self.top = command, experiment, top
        self.jobs, self.random = jobs, random.Random(seed)
        self.wrong = 0
        reference = self.new_run("reference")
        calls = top / f"{experiment.stem}-calls"
        began = time.monotonic()
        if reference.wait(reference.start(self.faults(reference, report=calls))) != 0:
            sys.exit(f"octet {command} fails by itself: {reference.error}")
        self.seconds = time.monotonic() - began
        self.weights = reference.directory
        self.hash = reference.manifest()["result"]["weights_sha256"]
        self.calls = len(calls.read_text().splitlines())
        print(f"{experiment.stem}: {self.seconds:.1f} s, {self.calls} calls that change files, weights {self.hash[:16]}")

    def new_run(self, name):
        folder = self.top / f"{self.experiment.stem}-{name}"
        folder.mkdir()
        return Run(self.octet, self.command, self.experiment, folder)

    def faults(self, run, **settings):
        return {"LD_PRELOAD": str(self.library), "OCTET_FAULT_ROOT": str(run.directory),
                **{f"OCTET_FAULT_{key.upper()}": str(value) for key, value in settings.items()}}

    def each(self, what, trial, arguments):
        """trial(run, argument) for all arguments, and a line that says how many were wrong."""

        def judged(number, argument):
            run = self.new_run(f"{what}-{number}")
            try:
                return trial(run, argument), None
            except (Wrong, ValueError, KeyError, OSError) as wrong:
                return None, f"{run.note}: {wrong}"
            finally:
                shutil.rmtree(run.directory.parent)

        with ThreadPoolExecutor(self.jobs) as pool:
            results = list(pool.map(judged, range(len(arguments)), arguments))
        wrong = [message for _, message in results if message]
        for message in wrong:
            print(f"  WRONG: {message}")
        self.wrong += len(wrong)
        print(f"  {what}: {len(results)} runs, {len(wrong)} wrong", flush=True)
        return [value for value, message in results if message is None]

    def kill_at_random(self, kills):
        """Each run is killed up to three times, at moments drawn beforehand; new runs begin until `kills` hit one."""
        per_run = 3

        def trial(run, moments):
            killed = 0
            for moment in moments:
                if run.complete():
                    break
                run.note = f"killed after {moment:.3f} s, for the {killed + 1}. time"
                process = run.start()
                time.sleep(moment)
                process.send_signal(signal.SIGKILL)
                code = run.wait(process)
                if code == 0:
                    break
                if code != -signal.SIGKILL:
                    raise Wrong(f"exit code {code}: {run.error.strip()}")
                killed += 1
            run.finish(self.hash)
            return killed

        done, most_runs = 0, 2 * kills
        while done < kills and most_runs > 0:
            runs = min(most_runs, (kills - done + per_run - 1) // per_run)
            moments = [[self.random.uniform(0, self.seconds * 1.1) for _ in range(per_run)] for _ in range(runs)]
            done += sum(self.each("killed at random", trial, moments))
            most_runs -= runs
        print(f"  {done} kills")
        self.wrong += done < kills

    def disturb_each_call(self, kind, every):
        """Kind is one of faults.cpp: kill, fail, stay."""

        def trial(run, call):
            report = run.directory.parent / "calls"
            code = run.wait(run.start(self.faults(run, at=call, kind=kind, report=report)))
            lines = report.read_text().splitlines()
            run.note = f"{kind} at call {call} ({lines[call - 1] if len(lines) >= call else 'never made'})"
            if kind == "kill" and code != -signal.SIGKILL:
                raise Wrong(f"was not killed, exit code {code}")
            if kind != "kill" and code != 0 and not (code == 1 and self.says_why(run)):
                raise Wrong(f"exit code {code}, and it says: {run.error.strip()}")
            run.finish(self.hash)

        self.each(kind, trial, range(1 + self.random.randrange(every), self.calls + 1, every))

    @staticmethod
    def says_why(run):
        return re.search(rf"{re.escape(str(run.directory))}.*({REASONS})", run.error)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("build", type=Path)
    parser.add_argument("--kills", type=int, default=200, help="at random moments, of each of the two runs")
    parser.add_argument("--every", type=int, default=1, help="disturb every N-th call only")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    wrong = 0
    with tempfile.TemporaryDirectory() as top:
        top, weights = Path(top), None
        for command, name, text in (("train", "float", FLOAT), ("retrain", "retrained", RETRAINED)):
            experiment = top / f"{name}.yaml"
            experiment.write_text(text.replace("WEIGHTS", str(weights)))
            tester = Tester(args.build.resolve(), command, experiment, top, args.jobs, args.seed)
            weights = tester.weights
            tester.kill_at_random(args.kills)
            for kind in ("kill", "fail", "stay"):
                tester.disturb_each_call(kind, args.every)
            wrong += tester.wrong
    print(f"{wrong} wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
