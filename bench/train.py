#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole training steps, Octet against PyTorch, interleaved in one run.

    bench/train.py BUILD_DIR [--rounds N] [--threads N] [MODEL ...]

Three processes per model (Octet, PyTorch with its defaults, PyTorch with malloc and threads tuned) take turns of a few
steps each; medians of all steps are compared. A last run of Octet under ONEDNN_VERBOSE gives the share of the step that
is spent in convolutions, and counts what a warm step should not have: primitives created, activations reordered, memory
asked of the system.
Prints a table on stderr and one JSON line per model on stdout.
"""

import json
import sys

from training_steps import (STEPS_PER_TURN, look_inside, octet_server, parse_arguments, print_table, take_turns,
                            torch_servers)


def compare(build, model, threads, rounds):
    octet = octet_server(build, model, threads)
    peer, tuned = torch_servers(model, threads)
    take_turns([octet, peer, tuned], STEPS_PER_TURN[model], rounds)
    warm = look_inside(build, model, threads)

    print_table(model, threads, [("Octet", octet), (f"PyTorch {peer.about['torch']}", peer),
                                 ("PyTorch, malloc tuned", tuned)])
    print(f"  {warm.convolution_share:.0%} of Octet's step is convolution; in warm steps: {warm.unwanted}",
          file=sys.stderr)
    print(json.dumps({
        "bench": "train", "model": model, "batch": octet.about["batch"],
        "octet_img_s": round(octet.images_per_second, 1),
        "peer_img_s": round(peer.images_per_second, 1),
        "peer_tuned_img_s": round(tuned.images_per_second, 1),
        "ratio": round(peer.median / octet.median, 3),
        "ratio_tuned": round(tuned.median / octet.median, 3),
        "octet_rss_mb": round(octet.rss_mb), "peer_rss_mb": round(peer.rss_mb),
        "peer_tuned_rss_mb": round(tuned.rss_mb),
        "convolution_share": round(warm.convolution_share, 3), **warm.unwanted,
    }), flush=True)


def main():
    args = parse_arguments(__doc__.split("\n")[0])
    for model in args.models:
        compare(args.build, model, args.threads, args.rounds)


if __name__ == "__main__":
    main()
