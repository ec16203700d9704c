"""Packing what you hand in: ``submit()`` in the notebook, ``python -m given.submit`` in a shell.

It looks whether all that the assignment asks for is there, says what is missing or looks wrong, and makes one zip. The
same files always make the same zip. The receipt is computed from names and contents alone, so it stays the same when a
zip is renamed, unpacked or packed again on its way; your feedback page repeats it: then your work arrived as it was.

What is asked for stands in submission.json, beside this file. Nothing but Python's standard library is needed.
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

ASKED = Path(__file__).with_name("submission.json")
CODE = "student_code.py"
PROVIDED = ("given", "public_checks.py")  # handed out, so not handed in
MIB = 2**20


def submit(folder: str | Path = ".") -> None:
    """Check the files of the folder as they are saved, pack them, and print the receipt."""
    _submit(Path(folder), run=True)


def main(arguments: list[str] | None = None) -> int:
    """The same from a shell: 0 if all is there and nothing looks wrong, else 1. Your code is read, but not run."""
    parser = argparse.ArgumentParser(prog="python -m given.submit", description="Check and pack what you hand in.")
    parser.add_argument("--folder", type=Path, default=Path(), help="where your files are (default: here)")
    sys.stdout.reconfigure(errors="replace")  # a terminal that knows no ✓
    return _submit(parser.parse_args(arguments).folder, run=False)


def _submit(folder: Path, run: bool) -> int:
    try:
        asked = json.loads(ASKED.read_text(encoding="utf-8"))
        return _pack(folder.resolve(), asked, run)
    except FileNotFoundError as error:
        print(f"✗ {error.filename} is not there: is this the folder of the assignment, as it was handed out?")
    except OSError as error:
        print(f"✗ {error.filename or folder}: {error.strerror}. Nothing was packed.")
    return 1


def _pack(folder: Path, asked: dict, run: bool) -> int:
    flaws = 0
    chosen: list[str] = []
    for names, what in asked["files"].items():
        there = [name for name in names.split(" or ") if (folder / name).is_file()]
        chosen += there
        if not there:
            flaws += 1
            print(f"✗ {names} is missing: {what}.")
        for name in there:
            wrong = list(_looked_at(folder / name, asked, run))
            flaws += len(wrong)
            print(f"{'✗' if wrong else '✓'} {name}, {_size((folder / name).stat().st_size)}")
            for sentence in wrong:
                print(f"    {sentence}")
    if not chosen:
        print(f"✗ None of these files is in {folder}, so there is nothing to pack.")
        return 1
    own = [name for name in _own_modules(folder) if name not in chosen]  # the code needs them; the receipt does not
    for name in own:
        print(f"✓ {name}, which your code imports")
    contents = {name: (folder / name).read_bytes() for name in sorted([*chosen, *own])}
    total = sum(map(len, contents.values()))
    if total > asked["submission_mib"] * MIB or len(contents) > asked["most_files"]:
        most = f"{asked['submission_mib']} MiB and {asked['most_files']} files are allowed"
        print(f"✗ Nothing was packed: these are {_size(total)} in {len(contents)} files, and {most}.")
        return 1
    target = folder / f"{asked['assignment']}.zip"
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(archive(contents))
    part.replace(target)
    print(f"\n{target.name} is packed: {len(contents)} files, {_size(target.stat().st_size)}.")
    print(f"Receipt: {receipt({name: contents[name] for name in chosen})}")
    if flaws:
        print(f"{flaws} thing{'s' * (flaws > 1)} to look at above (✗). Mend and pack again, or hand it in as it is.")
    return 1 if flaws else 0


def archive(contents: dict[str, bytes]) -> bytes:
    """A zip with these files, byte for byte the same for the same files: no times, no packing that could differ."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # a plain file, also if packed on Windows
            file.writestr(entry, contents[name])
    return packed.getvalue()


def receipt(contents: dict[str, bytes]) -> str:
    """SHA-256 of all names and contents, whatever holds them."""
    whole = hashlib.sha256()
    for name in sorted(contents):
        whole.update(f"{len(name.encode())} {name} ".encode() + hashlib.sha256(contents[name]).digest())
    return whole.hexdigest()


def _looked_at(file: Path, asked: dict, run: bool) -> Iterator[str]:
    """Sentences on what looks wrong in a file."""
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
            yield "It is not what its name says: export the notebook again (File, Save and Export Notebook As)."


def _code(file: Path, asked: dict, run: bool) -> Iterator[str]:
    data = file.read_bytes()
    if hashlib.sha256(data.replace(b"\r\n", b"\n")).hexdigest() == asked["stub_sha256"]:
        yield "It is as it was handed out: none of your work is in it. Did you save it, and is this the right folder?"
        return
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError) as error:
        line = f"line {getattr(error, 'lineno', None)}: " * hasattr(error, "lineno")
        yield f"Python cannot read it: {line}{getattr(error, 'msg', error)}."
        return
    # the sections of other assignments do not matter
    section = re.search(rf"^# -+ {asked['assignment']}$(.*?)(^# -{{9,}} |\Z)", data.decode(), re.S | re.M)
    if todo := re.findall(r"raise NotImplementedError\([\"'](Task [\w.]*)", section[1] if section else ""):
        yield f"Still to do: {', '.join(todo)}."
    for module in sorted(_imported(tree)):
        here = (file.parent / f"{module}.py", file.parent / module, ASKED.parents[1] / module)
        if module not in sys.modules and not any(place.exists() for place in here) and not _found(module):
            yield f"It imports {module}, which is not installed here."
            return
    if run:
        yield from _import(file)


def _import(file: Path) -> Iterator[str]:
    """Run it once as the grader will; Jupyter's autoreload does the same after each change."""
    spec = importlib.util.spec_from_file_location("student_code_as_saved", file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    sys.path.insert(0, str(file.parent))
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            spec.loader.exec_module(module)
    except BaseException as error:  # SystemExit too: a script may end with exit()
        yield f"It cannot be imported: {type(error).__name__}: {error}."
    finally:
        sys.path.remove(str(file.parent))
        del sys.modules[spec.name]


def _found(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _imported(tree: ast.AST) -> set[str]:
    """The modules that are imported as the file is; those in functions and ``try`` may be meant for another machine."""
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def _own_modules(folder: Path) -> list[str]:
    """Files of the folder that student_code.py imports, and those that these import."""
    found, left = [], [CODE]
    while left:
        with contextlib.suppress(OSError, SyntaxError, ValueError):
            for module in sorted(_imported(ast.parse((folder / left.pop()).read_bytes()))):
                name = f"{module}.py"
                if (folder / name).is_file() and name not in (CODE, *PROVIDED, *found):
                    found.append(name)
                    left.append(name)
    return found


def _notebook(file: Path) -> Iterator[str]:
    try:
        cells = json.loads(file.read_bytes())["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
        counts = [cell["execution_count"] or 0 for cell in code]
        outputs = [output for cell in code for output in cell["outputs"]]
        blank = sum("YOUR ANSWER HERE" in "".join(cell["source"]) for cell in cells)
    except (ValueError, KeyError, TypeError, RecursionError):
        yield "It is not a notebook (it should be JSON with a list of cells): save it again in Jupyter."
        return
    ran = _cells_run()
    if not any(counts):
        yield "None of its cells was run, as it is saved: run all cells, save it (Ctrl+S), and pack again."
    elif ran > 1 and not {ran - 1, ran} & {*counts}:
        yield "You ran cells after it was last saved: save it (Ctrl+S), and pack again."
    elif failed := next((output for output in outputs if output.get("output_type") == "error"), None):
        yield f"One of its cells ended in an error: {failed.get('ename')}."
    if blank:
        yield f"{blank} answer{'s' * (blank > 1)} still to write: look for YOUR ANSWER HERE."


def _cells_run() -> int:
    """How many cells this kernel has run, with the one that runs now; 0 outside of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return len(shell.user_ns["In"]) - 1 if shell is not None and hasattr(shell, "kernel") else 0


def _weights(file: Path) -> Iterator[str]:
    """The header says which weights there are, and how many bytes they take."""
    with file.open("rb") as opened:
        start = opened.read(8)
        length = int.from_bytes(start, "little")
        if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
            yield "It is a pickle, as torch.save writes it, which nobody will open: use save_weights of given.training."
            return
        header = opened.read(length) if length < file.stat().st_size else b""
    try:
        tensors = [tensor for name, tensor in json.loads(header).items() if name != "__metadata__"]
        end = max((tensor["data_offsets"][1] for tensor in tensors), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        end = -1
    if end == 0:
        yield "It holds no weights: does your network keep its layers as attributes?"
    elif end != file.stat().st_size - 8 - length:
        yield "It is cut short, or no safetensors file: save the weights again with save_weights of given.training."


def _json(file: Path) -> Iterator[str]:
    try:
        if not json.loads(file.read_bytes()):
            yield "There is nothing in it."
    except (ValueError, RecursionError):
        yield "It is not JSON: save it again where you made it."


def _size(count: int) -> str:
    return f"{count / MIB:.1f} MiB" if count >= MIB / 10 else f"{count / 1024:.1f} KiB"


if __name__ == "__main__":
    sys.exit(main())
