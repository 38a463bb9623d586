# SPDX-License-Identifier: Apache-2.0
"""Writers for golden data: safetensors, and JSON that says every float32 in its shortest exact form."""

import json
import struct

import torch

SAFETENSORS_TYPES = {torch.float32: ("F32", "<f4"), torch.int64: ("I64", "<i8")}


def write_safetensors(path, tensors):
    """u64 header length, JSON header padded with spaces to 8 bytes, then the data, all little-endian."""
    header, blobs, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, tensor in tensors.items():
        dtype, order = SAFETENSORS_TYPES[tensor.dtype]
        blob = tensor.detach().contiguous().numpy().astype(order).tobytes()
        end = offset + len(blob)
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, end]}
        blobs.append(blob)
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def float32_values(tensor):
    """Row-major, rounded to float32, as the shortest decimals that read back as that float32."""
    return [float(str(v)) for v in tensor.detach().to(torch.float32).reshape(-1).numpy()]


def array(tensor):
    """{"shape": [...], "values": [...]}, values flat and row-major (NCHW, or as in PyTorch for weights)."""
    integers = tensor.dtype == torch.int64
    values = tensor.reshape(-1).tolist() if integers else float32_values(tensor)
    return {"shape": list(tensor.shape), "values": values}


def write_json(path, content):
    """Two levels are spread over lines, so that a difference names what changed."""
    def compact(value):
        return json.dumps(value, allow_nan=False)

    with open(path, "w") as file:
        entries = []
        for key, value in content.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                text = "[\n    " + ",\n    ".join(map(compact, value)) + "\n  ]"
            else:
                text = compact(value)
            entries.append(f"  {compact(key)}: {text}")
        file.write("{\n" + ",\n".join(entries) + "\n}\n")
