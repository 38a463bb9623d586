# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's part of bench/int8.py.

    int8_ort.py quantize FLOAT.onnx INT8.onnx          its static quantizer: u8 activations, s8 weights per channel
    int8_ort.py run MODEL.onnx INPUT BATCH THREADS [OUTPUT]
                                                       as bench_int8: "ready", then medians
"""
import sys
import time

import numpy
import onnxruntime


def quantize(source, target):
    from onnxruntime import quantization

    shape = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"]).get_inputs()[0].shape[1:]
    generator = numpy.random.default_rng(1)

    class Calibration(quantization.CalibrationDataReader):
        def __init__(self):
            self.batches = iter([{"x": generator.standard_normal([4] + shape).astype(numpy.float32)} for _ in range(4)])

        def get_next(self):
            return next(self.batches, None)

    quantization.quantize_static(source, target, Calibration(), quant_format=quantization.QuantFormat.QDQ,
                                 per_channel=True, activation_type=quantization.QuantType.QUInt8,
                                 weight_type=quantization.QuantType.QInt8)


def run(model, path, batch, threads, output):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    shape = session.get_inputs()[0].shape[1:]
    x = numpy.fromfile(path, numpy.float32).reshape([batch] + shape)
    y = session.run(None, {"x": x})[0]
    if output:
        y.astype(numpy.float32).tofile(output)
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            begin = time.perf_counter()
            session.run(None, {"x": x})
            times.append(time.perf_counter() - begin)
        print(1e3 * sorted(times)[len(times) // 2], flush=True)


if sys.argv[1] == "quantize":
    quantize(sys.argv[2], sys.argv[3])
else:
    run(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6] if len(sys.argv) > 6 else None)
