"""Validation of a submission's files: missing files and wrong formats, as sentences for the student.

Nothing is run or unpickled. Only the first bytes and the outline of each file are read, so that no content can cost
memory or time.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from gradeprop.submissions import notebook_cells
from gradeprop.submissions.tolerant_json import ERRORS, as_utf8, decode, place

_MAX_JSON_BYTES = 16 * 2**20
_MAX_HEADER_BYTES = 2**20
"""maximum size of a safetensors header: some 10,000 tensors"""

_Size = Annotated[int, msgspec.Meta(ge=0)]


class _Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of a safetensors header."""

    dtype: str
    shape: list[_Size]
    data_offsets: tuple[_Size, _Size]


def find_problems(folder: Path, files: Sequence[str], expected: Mapping[str, str]) -> list[str]:
    """Describe required files that are missing or cannot be read.

    Args:
        files: relative names of regular files in ``folder``, of bounded size.
        expected: required files: name → description; "a or b" requires one of the two.
    """
    if not files:
        return ["The submission contains no usable file."]
    sentences: list[str] = []
    for names, what in expected.items():
        name = next((name for name in names.split(" or ") if name in files), names)
        if name not in files:
            sentences.append(f"{name} is missing ({what}).")
        elif name.endswith(".safetensors"):
            sentences += _weights(folder / name)
        elif name.endswith(".ipynb"):
            sentences += notebook_cells.read(folder / name).problems
        elif name.endswith(".json"):
            sentences += _json(folder / name)
    return sentences


def _json(file: Path) -> Iterator[str]:
    """Yield a sentence if a file is truncated, has a merge conflict, or is not JSON as Python reads it."""
    if (size := file.stat().st_size) > _MAX_JSON_BYTES:
        yield f"{file.name} has {size / 2**20:.0f} MiB, which is too large to be checked."
        return
    data = as_utf8(file.read_bytes())
    try:
        decode(data, msgspec.Raw)
    except ERRORS as error:
        line, column = place(data, str(error))
        yield f"{file.name} is not JSON (line {line}, column {column}). Save it again in the program that wrote it."


def _weights(file: Path) -> Iterator[str]:
    """Yield a sentence if weights are truncated or in another format; only the header is read."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = int.from_bytes(start, "little")
        header = opened.read(length) if length <= _MAX_HEADER_BYTES else b""
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        yield (
            f"{file.name} is a pickle, as torch.save writes it. A pickle can contain a program, so it is never opened: "
            "save the weights with save_weights (from given.training import save_weights)."
        )
    elif len(header) < max(length, 2) or (wrong := _header(header, size - 8 - length)):
        reason = wrong if header and len(header) == length else "it is truncated, or in another format"
        yield f"{file.name} is not a safetensors file: {reason}. Save the weights again with save_weights."


def _header(header: bytes, data_bytes: int) -> str:
    """Describe the error in a safetensors header; "" if there is none."""
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        tensors = [msgspec.json.decode(raw, type=_Tensor) for name, raw in entries.items() if name != "__metadata__"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "its header cannot be read"
    end = max((tensor.data_offsets[1] for tensor in tensors), default=0)
    return "" if end == data_bytes else f"its header announces {end} bytes of weights, but there are {data_bytes}"
