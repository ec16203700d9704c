"""What the files of a submission hold, as sentences for the student; nothing in them is run or unpickled.

Each file is looked at by its first bytes and its outline only, so that no content can cost memory or time.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec

_OUTLINE_BYTES = 16 * 2**20
"""a notebook larger than this holds pictures, or somebody's joke"""
_HEADER_BYTES = 2**20
"""of a safetensors file: some 10,000 tensors"""

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


def problems(folder: Path, files: Sequence[str], expected: Mapping[str, str]) -> list[str]:
    """Sentences on what is missing or cannot be read.

    Args:
        files: relative names of regular files in ``folder``, of bounded size.
        expected: what the assignment asks for: name → what it is; "a or b" asks for one of two.
    """
    if not files:
        return ["There is nothing in it that could be taken."]
    found: list[str] = []
    for names, what in expected.items():
        name = next((name for name in names.split(" or ") if name in files), names)
        if name not in files:
            similar = next(filter(None, (_similar(one, files) for one in names.split(" or "))), "")
            found.append(f"{name} is missing ({what}).{similar}")
        elif name.endswith(".safetensors"):
            found += _weights(folder / name)
        elif name.endswith((".ipynb", ".json")):
            found += _json(folder / name)
    return found


def _similar(name: str, files: Sequence[str]) -> str:
    """Names the file that may have been meant."""
    elsewhere = [file for file in files if Path(file).name == name]
    if elsewhere:
        return f" There is {elsewhere[0]}: move it to the top of what you hand in."
    plain = {re.sub(r"[^a-z0-9.]", "", file.lower()): file for file in reversed(files) if "/" not in file}
    near = difflib.get_close_matches(re.sub(r"[^a-z0-9.]", "", name.lower()), plain, n=1, cutoff=0.85)
    return f" There is {plain[near[0]]!r}: if that is it, rename it to {name}." if near else ""


def _json(file: Path) -> Iterator[str]:
    """A file cut short, a merge conflict, or something else in the place of a notebook."""
    is_notebook = file.suffix == ".ipynb"
    if (size := file.stat().st_size) > _OUTLINE_BYTES:
        yield f"{file.name} is {size / 2**20:.0f} MiB large and was not looked at; clear its outputs."
        return
    data = file.read_bytes().removeprefix(b"\xef\xbb\xbf")
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
        yield f"{file.name} is not {kind} (line {line}, column {column}). Save it again where you made it."


def _place(data: bytes, message: str) -> tuple[int, int]:
    """Line and column, from 1, of the byte that a decoder complains of; of the end where it names none."""
    at = int(match[1]) if (match := re.search(r"byte (\d+)", message)) else len(data)
    before = data[:at]
    return before.count(b"\n") + 1, len(before.rpartition(b"\n")[2].decode(errors="replace")) + 1


def _weights(file: Path) -> Iterator[str]:
    """Weights in another format, or cut short; only the header is read."""
    size = file.stat().st_size
    with file.open("rb") as opened:
        start = opened.read(8)
        length = int.from_bytes(start, "little")
        header = opened.read(length) if length <= _HEADER_BYTES else b""
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        yield (
            f"{file.name} is a pickle, as torch.save writes it. A pickle can carry a program, so it is never opened: "
            "save the weights with save_weights (from given.training import save_weights)."
        )
    elif len(header) < max(length, 2) or (wrong := _header(header, size - 8 - length)):
        reason = wrong if header and len(header) == length else "it is cut short, or of another format"
        yield f"{file.name} is not a safetensors file: {reason}. Save the weights again with save_weights."


def _header(header: bytes, data_bytes: int) -> str:
    """What is wrong with the header of a safetensors file, or nothing."""
    try:
        entries = msgspec.json.decode(header, type=dict[str, msgspec.Raw])
        tensors = [msgspec.json.decode(raw, type=_Tensor) for name, raw in entries.items() if name != "__metadata__"]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "its header cannot be read"
    end = max((tensor.data_offsets[1] for tensor in tensors), default=0)
    return "" if end == data_bytes else f"its header speaks of {end} bytes of weights, and {data_bytes} are there"
