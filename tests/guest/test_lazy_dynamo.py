"""torch._dynamo sleeps through an optimiser's steps, and wakes for who needs it."""

import os
import subprocess
import sys

import pytest

CODE = """
import sys, torch
from gradeprop.guest.lazy_dynamo import stub_torch_dynamo
if sys.argv[1] == "asleep":
    stub_torch_dynamo()
for kind in (torch.optim.SGD, torch.optim.AdamW):
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = kind([weight], lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    print(weight.tolist())
loaded = len(sys.modules)
print(torch.compile(lambda x: 2 * x, backend="eager")(torch.ones(2)).tolist())
import torch._dynamo.config
print(torch._dynamo is sys.modules["torch._dynamo"], torch._dynamo.config.cache_size_limit > 0)
print(len(sys.modules) - loaded > 500, file=sys.stderr)
"""


@pytest.mark.skipif("ALL_TESTS" not in os.environ, reason="takes long; make check runs it")
def test_steps_are_the_same_and_what_compiles_finds_the_real_one() -> None:
    said, late = {}, {}
    for how in ("asleep", "awake"):
        done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True)
        said[how], late[how] = done.stdout, done.stderr.split()[-1]
    assert said["asleep"] == said["awake"]
    assert late == {"asleep": "True", "awake": "False"}, "loaded only when it is needed"
