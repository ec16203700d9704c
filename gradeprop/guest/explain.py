"""Explanations of errors that are due to where code is graded."""

import re

_DEVICE = "Use the device of the model, as in x.to(next(model.parameters()).device)."
EXPLANATIONS = {
    r"CUDA in forked subprocess|compiled with CUDA enabled|No CUDA GPUs|no NVIDIA driver|CUDA error|CUDA unknown": (
        f"There is no GPU where this is graded. {_DEVICE}"
    ),
    r"support for mps|support for the 'mps'|MPS backend": f"There is no Apple GPU where this is graded. {_DEVICE}",
    r"name 'get_ipython' is not defined|'NoneType' object has no attribute 'run_(line|cell)_magic'": (
        "get_ipython() exists in notebooks only: remove it from student_code.py. "
        "A notebook's lines that begin with % or ! become such calls."
    ),
}
"""pattern of an error's type and text → what the student reads"""


def explanation(error: str) -> str:
    """Return the explanation of an error, given as "its type: its text"; "" if there is none."""
    return next((text for pattern, text in EXPLANATIONS.items() if re.search(pattern, error)), "")
