"""Validation of a submission's files: missing files and wrong formats, as sentences for the student.

Nothing is run or unpickled. Only the first bytes and the outline of each file are read, so that no content can cost
memory or time.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

_MAX_NOTEBOOK_BYTES = 16 * 2**20
"""a notebook larger than this contains pictures, or is a joke"""
_MAX_HEADER_BYTES = 2**20
"""maximum size of a safetensors header: some 10,000 tensors"""

_Size = Annotated[int, msgspec.Meta(ge=0)]


class _Notebook(msgspec.Struct):
    """The outline of a notebook; its cells stay undecoded."""

    nbformat: int
    cells: msgspec.Raw


class _Tensor(msgspec.Struct, forbid_unknown_fields=True):
    """One entry of a safetensors header."""

    dtype: str
    shape: list[_Size]
    data_offsets: tuple[_Size, _Size]


def find_problems(folder: Path, files: Sequence[str], expected: Mapping[str, str]) -> list[str]:
    """Describe required files that are missing or cannot be read.

    Args:
        folder: the safe copy.
        files: relative names of regular files in ``folder``, of bounded size.
        expected: required files: name → description; "a or b" requires one of the two.
    """
    if not files:
        return ["The submission contains no usable file."]
    sentences: list[str] = []
    for names, what in expected.items():
        name = next((name for name in names.split(" or ") if name in files), names)
        if name not in files:
            similar = next(filter(None, (_suggest(one, files) for one in names.split(" or "))), "")
            sentences.append(f"{name} is missing ({what}).{similar}")
        elif name.endswith(".safetensors"):
            sentences += _weights(folder / name)
        elif name.endswith((".ipynb", ".json")):
            sentences += _json(folder / name)
    return sentences


def _suggest(name: str, files: Sequence[str]) -> str:
    """Suggest a file that may have been meant; "" if there is none."""
    elsewhere = [file for file in files if Path(file).name == name]
    if elsewhere:
        return f" There is {elsewhere[0]}: move it to the top folder of your submission."
    plain = {re.sub(r"[^a-z0-9.]", "", file.lower()): file for file in reversed(files) if "/" not in file}
    near = difflib.get_close_matches(re.sub(r"[^a-z0-9.]", "", name.lower()), plain, n=1, cutoff=0.85)
    return f" There is {plain[near[0]]!r}: if it is the same file, rename it to {name}." if near else ""


def _json(file: Path) -> Iterator[str]:
    """Yield a sentence if a file is truncated, has a merge conflict, or is not a notebook."""
    is_notebook = file.suffix == ".ipynb"
    if (size := file.stat().st_size) > _MAX_NOTEBOOK_BYTES:
        yield f"{file.name} has {size / 2**20:.0f} MiB, which is too large to be checked; clear its outputs."
        return
    data = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
    if not is_notebook:
        data = _as_utf8(data)
    try:
        if is_notebook:
            outline = msgspec.json.decode(data, type=_Notebook)
            if bytes(outline.cells).lstrip()[:1] != b"[":
                raise msgspec.ValidationError("it has no list of cells")
        else:
            msgspec.json.decode(data, type=msgspec.Raw)
    except msgspec.ValidationError as error:
        yield f"{file.name} is not a notebook: {error}."
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        line, column = _place(data, str(error))
        kind = "a notebook: it is not JSON" if is_notebook else "JSON"
        yield f"{file.name} is not {kind} (line {line}, column {column}). Save it again in the program that wrote it."


def _as_utf8(data: bytes) -> bytes:
    """Convert JSON from UTF-16 or Latin-1 to UTF-8; probes read it in the same encodings."""
    try:
        return data.decode(json.detect_encoding(data)).encode()
    except UnicodeDecodeError:
        return data.decode("latin-1").encode()


def _place(data: bytes, message: str) -> tuple[int, int]:
    """Return line and column, from 1, of the byte that a decoder's message names; the end if it names none."""
    at = int(match[1]) if (match := re.search(r"byte (\d+)", message)) else len(data)
    before = data[:at]
    return before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1


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
