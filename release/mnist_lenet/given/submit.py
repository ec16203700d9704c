"""Pack your submission into one zip: ``submit()`` in the notebook, ``python -m given.submit`` in a shell.

It checks that all files that the assignment asks for are there, prints what is missing or looks wrong, and writes one
zip. The same files always give the same zip. The receipt depends only on names and contents: it stays the same if the
zip is renamed, unpacked or packed again. Your feedback page repeats it: if they agree, your work arrived unchanged.

submission.json, beside this file, lists the files. This needs only Python's standard library.
"""

import argparse
import ast
import contextlib
import hashlib
import importlib.util
import io
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import environment
from .environment import CODE

ASKED = Path(__file__).with_name("submission.json")
MIB = 2**20
REMARK = "(Remark) "  # starts a sentence that names no problem
ON_SAMPLE = "Its weights were trained on the sample, not on the real data."


def submit(folder: str | Path = ".") -> None:
    """Check the files of the folder as they are saved, pack them, and print the receipt."""
    _submit(Path(folder), run=True)


def main(arguments: list[str] | None = None) -> int:
    """Do the same from a shell, without running your code; return 0 if the submission looks complete, else 1."""
    parser = argparse.ArgumentParser(prog="python -m given.submit", description="Check your submission and pack it.")
    parser.add_argument("--folder", type=Path, default=Path(), help="folder with your files (default: the current one)")
    return _submit(parser.parse_args(arguments).folder, run=False)


def _submit(folder: Path, run: bool) -> int:
    try:
        asked = json.loads(ASKED.read_text(encoding="utf-8"))
        return _pack(folder.resolve(), asked, run)
    except FileNotFoundError as error:
        print(f"✗ {error.filename} is missing. Is this the folder of the assignment, with all the files you received?")
    except OSError as error:
        print(f"✗ {error.filename or folder}: {error.strerror}. Nothing was packed.")
    return 1


def _pack(folder: Path, asked: dict, run: bool) -> int:
    chosen, problems = _check_files(folder, asked, run)
    if not chosen:
        print(f"✗ None of these files is in {folder}, so there is nothing to pack.")
        return 1
    own = [name for name in environment.own_modules(folder) if name not in chosen] if CODE in chosen else []
    for name in own:
        problems += _report(f"{name}, imported by your code", _python(folder / name))
    contents = {name: (folder / name).read_bytes() for name in sorted([*chosen, *own])}
    total = sum(map(len, contents.values()))
    if total > asked["submission_mib"] * MIB or len(contents) > asked["max_files"]:
        maximum = f"{asked['submission_mib']} MiB in {asked['max_files']} files"
        print(f"✗ Nothing was packed: there are {_size(total)} in {len(contents)} files; the maximum is {maximum}.")
        return 1
    target = folder / f"{asked['assignment']}.zip"
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(archive(contents))
    part.replace(target)
    print(
        f"\n{target.name} is packed: {len(contents)} file{'s' * (len(contents) > 1)}, {_size(target.stat().st_size)}."
    )
    print(f"Receipt: {receipt(contents)}")
    if note := environment.version_note():
        print(note)
    if problems:
        print(f"{problems} problem{'s' * (problems > 1)} above (✗). Fix and run submit again, or submit as is.")
    return 1 if problems else 0


def _check_files(folder: Path, asked: dict, run: bool) -> tuple[list[str], int]:
    """Print a line for each expected file; return the names of those that exist, and the number of problems."""
    chosen: list[str] = []
    problems = 0
    for names, what in asked["files"].items():
        existing = [name for name in names.split(" or ") if (folder / name).is_file()]
        chosen += existing
        if not existing:
            problems += 1
            print(f"✗ {names} is missing: {what}.")
            if similar := _similar(folder, names):
                print(f"    {similar} is here: rename it.")
        for name in existing:
            size = _size((folder / name).stat().st_size)
            problems += _report(f"{name}, {size}", _problems(folder / name, asked, run))
    return chosen, problems


def _similar(folder: Path, names: str) -> str:
    """Return a file that has a requested name as browsers change it, such as student_code (1).py; else ""."""
    for stem, _, suffix in (name.rpartition(".") for name in names.split(" or ")):
        for file in sorted(folder.glob(f"*.{suffix}*")):
            if stem.casefold() in file.name.casefold() and file.name[0] != "." and file.is_file():
                return file.name
    return ""


def _report(title: str, sentences: Iterator[str]) -> int:
    """Print a file and what was found in it; return the number of problems, which are all but the remarks."""
    found = list(sentences)
    problems = [sentence for sentence in found if not sentence.startswith(REMARK)]
    print(f"{'✗' if problems else '✓'} {title}")
    for sentence in found:
        print(f"    {sentence}")
    return len(problems)


def archive(contents: dict[str, bytes]) -> bytes:
    """Make a zip of these files; the same files give the same bytes, since there are no times and no compression."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # a plain file, also if packed on Windows
            file.writestr(entry, contents[name])
    return packed.getvalue()


def receipt(contents: dict[str, bytes]) -> str:
    """Compute the SHA-256 of all names and contents."""
    whole = hashlib.sha256()
    for name in sorted(contents):
        whole.update(f"{len(name.encode())} {name} ".encode() + hashlib.sha256(contents[name]).digest())
    return whole.hexdigest()


def _problems(file: Path, asked: dict, run: bool) -> Iterator[str]:
    """Yield a sentence for each problem of a file."""
    if file.stat().st_size == 0:
        yield "It is empty."
    elif file.name == CODE:
        yield from _code(file, asked, run)
    elif file.suffix == ".ipynb":
        yield from _notebook(file)
    elif file.suffix == ".safetensors":
        yield from _weights(file)
    elif file.suffix == ".json":
        yield from _json(file)
    elif file.suffix in (".pdf", ".html"):
        start = file.read_bytes()[:4096].lstrip().lower()
        if not (start.startswith(b"%pdf") if file.suffix == ".pdf" else b"<html" in start):
            kind = file.suffix[1:].upper()
            yield f"It is not {kind}: export the notebook again (File, Save and Export Notebook As)."


def _code(file: Path, asked: dict, run: bool) -> Iterator[str]:
    data = file.read_bytes()
    if hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest() == asked["stub_sha256"]:
        yield "It is unchanged: none of your work is in it. Did you save it, and is this the right folder?"
        return
    # the sections of other assignments do not matter
    text = data.decode(errors="replace")
    section = re.search(rf"^# -+ {asked['assignment']}$(.*?)(^# -{{9,}} |\Z)", text, re.S | re.M)
    if todo := re.findall(r"raise NotImplementedError\([\"'](Task [\w.]*)", section[1] if section else ""):
        yield f"Still to do: {', '.join(todo)}."
    problems = list(_python(file))
    yield from problems
    if run and not problems:
        yield from _import(file)


def _python(file: Path) -> Iterator[str]:
    """Yield a sentence for each reason why the grader may not run a file."""
    data = file.read_bytes()
    if problem := environment.encoding_problem(data):
        yield problem
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError) as error:
        line = f"line {error.lineno}: " if getattr(error, "lineno", None) else ""
        yield f"Python cannot read it: {line}{getattr(error, 'msg', error)}."
        return
    if newer := environment.newer_syntax(data):
        yield newer
    at_once, later = environment.imports(tree)
    for module in environment.missing_modules(at_once, file.parent):
        at_once.remove(module)
        yield f"It imports {module}, which is not installed where it is graded. {environment.installed()}"
    for module in environment.missing_modules(later, file.parent):
        yield f"{REMARK}A function imports {module}, which is not installed where it is graded."
    for module in sorted(at_once):
        here = (file.parent / f"{module}.py", file.parent / module, ASKED.parents[1] / module)
        if module not in sys.modules and not any(place.exists() for place in here) and not _is_installed(module):
            yield f"It imports {module}, which is not installed here."


def _import(file: Path) -> Iterator[str]:
    """Import it once, as the grader will; Jupyter's autoreload does the same after each change."""
    spec = importlib.util.spec_from_file_location("student_code_as_saved", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    sys.path.insert(0, str(file.parent))
    arguments, sys.argv = sys.argv, [CODE]
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            spec.loader.exec_module(module)
    except BaseException as error:  # SystemExit too: a script may end with exit()
        yield f"It cannot be imported: {type(error).__name__}: {error}."
    finally:
        sys.argv = arguments
        sys.path.remove(str(file.parent))
        del sys.modules[spec.name]


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _notebook(file: Path) -> Iterator[str]:
    try:
        cells = json.loads(file.read_bytes())["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        counts = [cell["execution_count"] or 0 for cell in code]
        outputs = [output for cell in code for output in cell["outputs"]]
        blank = sum("YOUR ANSWER HERE" in "".join(cell["source"]) for cell in cells)
    except (ValueError, KeyError, TypeError, RecursionError):
        yield "It is not a notebook, which is JSON with a list of cells: save it again in Jupyter."
        return
    ran = _cells_run()
    if not any(counts):
        yield "The saved notebook has no outputs: run all cells, save it (Ctrl+S), and run submit again."
    elif ran > 1 and not {ran - 1, ran} & {*counts}:
        yield "You ran cells after you last saved it: save it (Ctrl+S), and run submit again."
    elif failed := next((output for output in outputs if output.get("output_type") == "error"), None):
        yield f"One of its cells ended in an error: {failed.get('ename')}."
    if blank:
        yield f"{blank} answer{'s' * (blank > 1)} still to write: search for YOUR ANSWER HERE."


def _cells_run() -> int:
    """Count the cells that this kernel has run, including the current one; 0 outside of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return len(shell.user_ns["In"]) - 1 if shell is not None and hasattr(shell, "kernel") else 0


def _weights(file: Path) -> Iterator[str]:
    """Compare the size of the file with its header, which lists the weights and their bytes."""
    with file.open("rb") as opened:
        start = opened.read(8)
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        yield "It is a pickle (torch.save), which the grader never opens: use save_weights of given.training."
        return
    try:
        tensors = [tensor for name, tensor in _header(file).items() if name != "__metadata__"]
        end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        end = -1
    if end == 0:
        yield "It contains no weights. Are the layers of your network attributes of it?"
    elif end != file.stat().st_size - 8 - int.from_bytes(start, "little"):
        yield "It is truncated, or not a safetensors file: save the weights again with save_weights of given.training."
    elif trained_on(file) == "sample":
        yield f"{REMARK}{ON_SAMPLE}"


def _header(file: Path) -> Any:
    """Return what a file of safetensors says of itself. Raises ValueError if it is no such file."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        return json.loads(opened.read(length) if length < file.stat().st_size else b"")


def trained_on(file: Path) -> str:
    """Return the data set that saved weights were trained on, as ``save_weights`` noted it, or an empty text."""
    try:
        return str(_header(file)["__metadata__"]["dataset"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""


def _json(file: Path) -> Iterator[str]:
    try:
        if not json.loads(file.read_bytes()):
            yield "It is JSON, but empty."
    except (ValueError, RecursionError):
        yield "It is not JSON: save it again with the code that writes it."


def _size(count: int) -> str:
    return f"{count / MIB:.1f} MiB" if count >= MIB / 10 else f"{count / 1024:.1f} KiB"


if __name__ == "__main__":
    sys.exit(main())
