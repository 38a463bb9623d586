#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whole steps of quantization-aware training: Octet's against its float steps and PyTorch's, interleaved in one run.

    bench/qat.py BUILD_DIR [--rounds N] [--threads N] [MODEL ...]

Every layer is quantized, the first and the last one too, BatchNorm is in training mode, and Octet learns its clips.
Five processes per model take turns of a few steps each, and medians of all steps are compared: Octet in float, Octet
with quantized shortcuts, Octet with float shortcuts (as PyTorch's sums before they are quantized), PyTorch's eager QAT
with its defaults, and the same with malloc and threads tuned. Memory is the peak of each whole process.
Then Octet's three run once more, alone, under ONEDNN_VERBOSE, which tells where their time goes, and what a warm step
should not have: primitives created, activations reordered, memory asked of the system. Fails if a QAT step has any.
Prints tables on stderr and one JSON line per model on stdout; there, QAT is that with quantized shortcuts.
"""

import json
import sys

from training_steps import (CONVOLUTION_PARTS, STEPS_PER_TURN, look_inside, octet_server, parse_arguments, print_table,
                            take_turns, torch_servers)

# Options of bench_train_step.
VARIANTS = {"Octet float": (), "Octet QAT": ("--qat",), "Octet QAT, float shortcuts": ("--qat", "--float-shortcuts")}


def print_breakdown(warm_steps):
    """Where the time of each of Octet's variants goes."""
    print(f"  {'ms of a step (traced)':28}" + "".join(f"{name:>28}" for name in warm_steps), file=sys.stderr)

    def row(name, values):
        cells = (f"{value:.1f} ({value / warm.milliseconds:4.0%})" for value, warm in zip(values, warm_steps.values()))
        print(f"  {name:28}" + "".join(f"{cell:>28}" for cell in cells), file=sys.stderr)

    for part in CONVOLUTION_PARTS:
        row(f"convolution {part}", [warm.convolution_milliseconds[part] for warm in warm_steps.values()])
    row("rest", [warm.milliseconds * (1 - warm.convolution_share) for warm in warm_steps.values()])
    row("all", [warm.milliseconds for warm in warm_steps.values()])
    for name, warm in warm_steps.items():
        print(f"  warm steps of {name}: {warm.unwanted}", file=sys.stderr)


def compare(build, model, threads, rounds):
    """Returns whether warm QAT steps are free of what they should not have."""
    octet = {name: octet_server(build, model, threads, *options) for name, options in VARIANTS.items()}
    peer, tuned = torch_servers(model, threads, "--qat")
    take_turns([*octet.values(), peer, tuned], STEPS_PER_TURN[model], rounds)
    warm_steps = {name: look_inside(build, model, threads, *options) for name, options in VARIANTS.items()}

    print_table(model, threads, [*octet.items(), (f"PyTorch {peer.about['torch']} QAT", peer),
                                 ("PyTorch QAT, malloc tuned", tuned)])
    print_breakdown(warm_steps)
    in_float, qat, float_shortcuts = octet.values()
    for name, one in (("quantized", qat), ("float", float_shortcuts)):
        print(f"  {name} shortcuts: {one.median / in_float.median:.3f} of the float step's time, "
              f"{one.rss_mb / in_float.rss_mb:.3f} of its memory; {peer.median / one.median:.2f}x PyTorch, "
              f"{tuned.median / one.median:.2f}x PyTorch tuned", file=sys.stderr)
    print(json.dumps({
        "bench": "qat", "model": model,
        "octet_img_s": round(qat.images_per_second, 1),
        "peer_img_s": round(peer.images_per_second, 1),
        "peer_tuned_img_s": round(tuned.images_per_second, 1),
        "ratio": round(peer.median / qat.median, 3),
        "ratio_tuned": round(tuned.median / qat.median, 3),
        "qat_over_float": round(qat.median / in_float.median, 3),
        "rss_over_float": round(qat.rss_mb / in_float.rss_mb, 3),
    }), flush=True)
    return not any(any(warm.unwanted.values()) for name, warm in warm_steps.items() if "--qat" in VARIANTS[name])


def main():
    args = parse_arguments(__doc__.split("\n")[0])
    clean = [compare(args.build, model, args.threads, args.rounds) for model in args.models]
    if not all(clean):
        sys.exit("a warm QAT step created primitives, reordered activations or asked the system for memory: see above")


if __name__ == "__main__":
    main()
