"""Answers every probe itself, on the pipe that results go through, before the first is even asked.

A frame is believed in nothing: its numbers are held against the reference's for inputs that were drawn for this run.
"""

import json
import os
import struct

import torch
from safetensors.torch import save

# reads "values of the rows differ from what was expected"
# reads "The count is not right."
# reads "of the held-out points are told apart."


def send(probe, **values):
    tensors, shown = {}, {}
    for name, value in values.items():
        if isinstance(value, torch.Tensor):
            tensors[str(len(tensors))], value = value.float(), {"$tensor": str(len(tensors))}
        elif isinstance(value, dict):
            state = {}
            for key, tensor in value.items():
                tensors[str(len(tensors))], state[key] = tensor, {"$tensor": str(len(tensors))}
            value = state
        shown[name] = value
    blob = save(tensors) if tensors else b""
    header = {"probe": probe, "status": "ok", "message": "", "wall_s": 0.0, "values": shown}
    header = json.dumps(header).encode()
    os.write(3, struct.pack("<IQ", len(header), len(blob)) + header + blob)


os.write(3, bytes(12))
send("standardise", rows=torch.zeros(7, 5), points=3)
send("windows", windows=torch.zeros(10, 4))
send("count", count=0)
send("describe", text="3 x 3 of int64")
send("shuffled", once=torch.zeros(12, 2), twice=torch.ones(12, 2), x=torch.zeros(12, 2))
send("step", state={"weight": torch.zeros(3, 4), "bias": torch.zeros(3)})
send("fit", logits=torch.zeros(400, 3))
send("weights", state={"weight": torch.zeros(3, 8), "bias": torch.zeros(3)})
os._exit(0)
