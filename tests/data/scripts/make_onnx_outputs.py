#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What ONNX Runtime makes of the QDQ models in tests/data/onnx: writes <model>.json beside each.

    make_onnx_outputs.py tests/data/onnx        needs onnxruntime and onnx from PyPI
"""
import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.onnx")):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    count = 4 * 3 * 32 * 32
    x = ((numpy.arange(count) * 37 % 256) / 255).astype(numpy.float32).reshape(4, 3, 32, 32)
    y = session.run(None, {"x": x})[0]
    scales = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(str(path)).graph.initializer}
    answer = {"onnxruntime": onnxruntime.__version__, "step": float(scales["y_scale"]),
              "output": [float(value) for value in y.ravel()]}
    path.with_suffix(".json").write_text(json.dumps(answer, indent=1) + "\n")
