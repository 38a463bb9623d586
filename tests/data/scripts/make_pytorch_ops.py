#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pytorch_ops.json: what PyTorch does where conventions matter.

    make_pytorch_ops.py [OUT_FILE]       # default: pytorch_ops.json above this script

Inputs are exact in float32; everything is computed in float64 and rounded to float32 once, so that a
float32 implementation is compared with the true value. Every section is a list of cases. Gradients are
those of sum(y * dy): `dx` belongs to `x`, `dweight` to `weight`, and so on.
"""

import itertools
import pathlib
import sys

import torch
import torch.nn.functional as F
from torch import nn

from golden_file import array, write_json


def random(*shape):
    """Multiples of 1/32 in [-2, 2): exact in float32 and short in the file."""
    return torch.randint(-64, 64, shape).double() / 32


def distinct(*shape):
    """All values different, so that a maximum is unique."""
    count = torch.Size(shape).numel()
    return ((torch.randperm(count) - count // 2).double() / 8).view(shape)


def case(options, forward, **inputs):
    """The inputs, y = forward(inputs...), a random dy, and the gradient of every input."""
    inputs = {name: value.requires_grad_() for name, value in inputs.items()}
    y = forward(*inputs.values())
    dy = random(*y.shape)
    y.backward(dy)
    result = dict(options)
    result.update({name: array(value) for name, value in inputs.items()})
    result.update(y=array(y), dy=array(dy))
    result.update({"d" + name: array(value.grad) for name, value in inputs.items()})
    return result


def batch_norm():
    """In training mode with momentum 0.1: the running variance takes the unbiased batch variance."""
    mean, var = random(3), random(3).abs() + 0.5
    result = {"momentum": 0.1, "eps": 1e-5, "running_mean": array(mean), "running_var": array(var)}
    result |= case({}, lambda x, weight, bias: F.batch_norm(
        x, mean, var, weight, bias, training=True, momentum=0.1, eps=1e-5),
        x=random(2, 3, 2, 3), weight=random(3), bias=random(3))
    result |= {"running_mean_after": array(mean), "running_var_after": array(var)}
    x, weight, bias = (torch.tensor(result[k]["values"]).double().view(result[k]["shape"])
                       for k in ("x", "weight", "bias"))
    y_eval = F.batch_norm(x, mean, var, weight, bias, training=False, eps=1e-5)
    return [result | {"y_eval_after": array(y_eval)}]


POOLS = [  # kernel_size, stride, padding, image; the last: a window that starts in the padding is dropped
    (3, 2, 1, (6, 7)),
    (2, 2, 0, (5, 6)),
    (2, 3, 1, (4, 3)),
]


def avg_pool2d():
    cases = []
    for (kernel, stride, padding, image), ceil, include in itertools.product(
            POOLS, (False, True), (False, True)):
        options = {"kernel_size": kernel, "stride": stride, "padding": padding,
                   "ceil_mode": ceil, "count_include_pad": include}
        cases.append(case(options, lambda x: F.avg_pool2d(x, **options), x=random(1, 2, *image)))
    return cases


def max_pool2d():
    cases = []
    for (kernel, stride, padding, image), dilation, ceil in itertools.product(
            POOLS, (1, 2), (False, True)):
        options = {"kernel_size": kernel, "stride": stride, "padding": padding,
                   "dilation": dilation, "ceil_mode": ceil}
        cases.append(case(options, lambda x: F.max_pool2d(x, **options), x=distinct(1, 2, *image)))
    return cases


def adaptive_avg_pool2d():
    return [case({"output_size": list(size)}, lambda x: F.adaptive_avg_pool2d(x, size),
                 x=random(1, 2, *image))
            for size, image in (((3, 3), (7, 7)), ((3, 2), (5, 7)), ((1, 1), (4, 3)), ((5, 4), (3, 2)))]


def conv2d():
    """An asymmetric kernel; F.pad takes the last dimension first, Conv2d.padding does not."""
    cases = []
    for mode, stride in (("zeros", 1), ("reflect", 1), ("replicate", 1), ("circular", 1), ("reflect", 2)):
        options = {"padding_mode": mode, "kernel_size": [3, 5], "stride": stride, "padding": [1, 2],
                   "dilation": 1, "groups": 1}

        conv = nn.Conv2d(2, 3, (3, 5), stride, (1, 2), padding_mode=mode)
        cases.append(case(options, conv._conv_forward, x=random(1, 2, 4, 6),
                          weight=random(3, 2, 3, 5), bias=random(3)))
    return cases


def conv_transpose2d():
    """Weights are [Cin, Cout / groups, Kh, Kw]."""
    cases = []
    for options, weight in (
            ({"stride": 2, "padding": 1, "output_padding": 1, "dilation": 2, "groups": 2}, (4, 3, 3, 2)),
            ({"stride": 2, "padding": 1, "output_padding": 0, "dilation": 1, "groups": 1}, (4, 2, 4, 4)),
            ({"stride": 3, "padding": 0, "output_padding": 2, "dilation": 1, "groups": 4}, (4, 1, 2, 3))):
        cases.append(case(
            options, lambda x, weight, bias: F.conv_transpose2d(x, weight, bias, **options),
            x=random(1, 4, 3, 2), weight=random(*weight), bias=random(weight[1] * options["groups"])))
    return cases


def cross_entropy():
    labels = torch.tensor([3, 0, 4, 2])
    cases = []
    for smoothing in (0.0, 0.1):
        x = random(4, 5).requires_grad_()
        loss = F.cross_entropy(x, labels, label_smoothing=smoothing)
        loss.backward()
        cases.append({"label_smoothing": smoothing, "x": array(x), "labels": labels.tolist(),
                      "loss": loss.item(), "dx": array(x.grad)})
    return cases


def activations():
    """hardswish is not asked at its kinks -3 and 3, where PyTorch versions differ in the gradient."""
    points = [-8.0, -3.5, -2.75, -1.5, -0.5, 0.0, 0.25, 1.0, 2.75, 3.5, 5.5, 6.0, 7.0]
    functions = [
        ("relu", {}),
        ("relu6", {}),
        ("leaky_relu", {"negative_slope": 0.01}),
        ("leaky_relu", {"negative_slope": 0.25}),
        ("hardswish", {}),
        ("silu", {}),
    ]
    return [case({"function": name, **options}, lambda x: getattr(F, name)(x, **options),
                 x=torch.tensor(points).double())
            for name, options in functions]


def optimizers():
    """`gradients[k]` is used in step k; `after[k]` is the parameter after it."""
    choices = [
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": True}),
        ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4, "nesterov": False}),
        ("SGD", {"lr": 0.1, "momentum": 0.0, "weight_decay": 0.01, "nesterov": False}),
        ("Adam", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
        ("AdamW", {"lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}),
    ]
    cases = []
    for name, options in choices:
        parameter = random(5).requires_grad_()
        before, gradients, after = array(parameter), [random(5) for _ in range(5)], []
        optimizer = getattr(torch.optim, name)([parameter], **options)
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
            after.append(array(parameter))
        cases.append({"optimizer": name, **options, "parameter": before,
                      "gradients": [array(g) for g in gradients], "after": after})
    return cases


def schedules():
    """`lr[k]` is the learning rate that step k uses (k from 0)."""
    def run(make, steps):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        schedule = make(optimizer)
        rates = []
        for step in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            if step + 1 < steps:
                schedule.step()
        return rates

    one_cycle = {"max_lr": 0.3, "total_steps": 100, "pct_start": 0.3, "div_factor": 25.0,
                 "final_div_factor": 1e4}
    cases = []
    for anneal in ("cos", "linear"):
        options = one_cycle | {"anneal_strategy": anneal}
        cases.append({"schedule": "OneCycleLR", **options, "lr": run(
            lambda o: torch.optim.lr_scheduler.OneCycleLR(o, cycle_momentum=False, **options), 100)})
    options = {"T_max": 20, "eta_min": 0.001}
    cases.append({"schedule": "CosineAnnealingLR", "base_lr": 0.1, **options, "lr": run(
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, **options), 21)})
    return cases


def clip_grad_norm():
    """One norm over all tensors; gradients are scaled by max_norm / (norm + 1e-6), never up."""
    cases = []
    for max_norm in (1.0, 100.0):
        parameters = [torch.zeros(2, 2).double(), torch.zeros(3).double()]
        for parameter in parameters:
            parameter.grad = random(*parameter.shape)
        before = [array(p.grad) for p in parameters]
        norm = nn.utils.clip_grad_norm_(parameters, max_norm)
        cases.append({"max_norm": max_norm, "gradients": before, "norm": norm.item(),
                      "clipped": [array(p.grad) for p in parameters]})
    return cases


def main():
    default = pathlib.Path(__file__).parent.parent / "pytorch_ops.json"
    torch.manual_seed(7)
    torch.set_num_threads(1)
    sections = (batch_norm, avg_pool2d, max_pool2d, adaptive_avg_pool2d, conv2d, conv_transpose2d,
                cross_entropy, activations, optimizers, schedules, clip_grad_norm)
    content = {"torch": torch.__version__} | {s.__name__: s() for s in sections}
    write_json(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default, content)


if __name__ == "__main__":
    main()
