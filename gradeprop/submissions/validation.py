"""Validation of a submission's files: missing files and wrong formats, as sentences for the student.

Nothing is run or unpickled. Only the first bytes and the outline of each file are read, so that no content can cost
memory or time.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated

import msgspec

from gradeprop.core.paths import GIVEN
from gradeprop.core.sanitize import filename
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
        folder: the safe copy.
        files: relative names of regular files in ``folder``, of bounded size.
        expected: required files: name → description; "a or b" requires one of the two.
    """
    if not files:
        return ["The submission contains no usable file."]
    sentences: list[str] = []
    for names, what in expected.items():
        name = next((name for name in names.split(" or ") if name in files), names)
        if name not in files and name.endswith(".ipynb") and " or " not in name:
            sentences += _other_notebook(folder, files, name, what)
        elif name not in files:
            similar = next(filter(None, (_suggest(one, files) for one in names.split(" or "))), "")
            sentences.append(f"{name} is missing ({what}).{similar}")
        elif name.endswith(".safetensors"):
            sentences += _weights(folder / name)
        elif name.endswith(".ipynb"):
            sentences += notebook_cells.read(folder / name).problems
        elif name.endswith(".json"):
            sentences += _json(folder / name)
    return sentences


def find_one(files: Sequence[str], name: str) -> str:
    """Return the one file that is meant by a required name; "" if there is none, or more than one."""
    found = candidates(files, name)
    return found[0] if len(found) == 1 else ""


def candidates(files: Sequence[str], name: str) -> list[str]:
    """Return the files that may be meant by a required name.

    The file itself; else one of this name in another folder; else all of the same kind, whatever they are called. A
    browser or mail program may have added .txt or .json to the name.

    Args:
        files: relative names in the safe copy.
        name: the required file, in the top folder.
    """
    if name in files:
        return [name]
    kind = PurePosixPath(name).suffix
    ours = [file for file in files if not file.startswith(f"{GIVEN}/")]
    same = [file for file in ours if PurePosixPath(file).name.lower() == name.lower()]
    return same or [file for file in ours if file.lower().endswith((kind, f"{kind}.txt", f"{kind}.json"))]


def _other_notebook(folder: Path, files: Sequence[str], name: str, what: str) -> Iterator[str]:
    """Say which notebook is used instead of a missing one, or which ones there are."""
    found = [filename(file) for file in candidates(files, name)]
    if not found:
        yield f"{name} is missing ({what})."
    elif len(found) == 1:
        yield f"{name} is missing; {found[0]}, which is the only candidate, is used as {what}."
        yield from notebook_cells.read(folder / find_one(files, name)).problems
    else:
        names = ", ".join(found[:5]) + (", …" if len(found) > 5 else "")
        yield (
            f"{name} is missing ({what}). There are {len(found)} other notebooks ({names}): the person who grades "
            f"decides which one is meant, or submit again with one of them renamed to {name}."
        )


def _suggest(name: str, files: Sequence[str]) -> str:
    """Suggest a file that may have been meant; "" if there is none."""
    elsewhere = [file for file in files if Path(file).name == name]
    if elsewhere:
        return f" There is {elsewhere[0]}: move it to the top folder of your submission."
    plain = {re.sub(r"[^a-z0-9.]", "", file.lower()): file for file in reversed(files) if "/" not in file}
    near = difflib.get_close_matches(re.sub(r"[^a-z0-9.]", "", name.lower()), plain, n=1, cutoff=0.85)
    return f" There is {plain[near[0]]!r}: if it is the same file, rename it to {name}." if near else ""


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
