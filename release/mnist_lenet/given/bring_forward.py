"""Carry your code forward: ``bring_forward("../mnist_lenet/student_code.py")``, or ``python -m given.bring_forward``.

Every function that is still a stub in the ``student_code.py`` of this folder is replaced by the one that you wrote
there; your own helpers, imports and modules come along. Nothing that you have written here is overwritten, and a copy
of the file is kept before each change. Both files are only read, never run.
"""

import argparse
import ast
import itertools
import json
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from . import environment
from .environment import CODE
from .merge import Code, Merge, UnreadableError

ASKED = Path(__file__).with_name("submission.json")


def bring_forward(path: str | Path, folder: str | Path = ".") -> None:
    """Carry your code of an earlier assignment into the ``student_code.py`` of this folder, and say what was carried.

    Args:
        path: your earlier ``student_code.py``, or the folder that it is in.
    """
    _bring_forward(Path(path), Path(folder) / CODE)


def main(arguments: list[str] | None = None) -> int:
    """Do the same from a shell; return 0, or 1 if a file cannot be read."""
    parser = argparse.ArgumentParser(
        prog="python -m given.bring_forward", description="Carry your code of an earlier assignment into this one."
    )
    parser.add_argument("path", type=Path, help="your earlier student_code.py, or its folder")
    parser.add_argument(
        "--folder", type=Path, default=Path(), help="folder of this assignment (default: the current one)"
    )
    options = parser.parse_args(arguments)
    return _bring_forward(options.path, options.folder / CODE)


def _bring_forward(path: Path, target: Path) -> int:
    try:
        _carry(path if path.suffix == ".py" else path / CODE, target)
    except UnreadableError as error:
        print(f"✗ {error} Nothing was carried forward.")
        return 1
    except OSError as error:
        print(f"✗ {error.filename}: {error.strerror}. Nothing was carried forward.")
        return 1
    return 0


def _carry(source: Path, target: Path) -> None:
    merge = Merge(Code.read(source), Code.read(target))
    if source.samefile(target):
        raise UnreadableError(f"{source} is the file of this folder: name that of an earlier assignment.")
    merge.merge(merge.old.tree.body, merge.new.tree.body)
    if merge.edits:
        merge.add_imports()
    text = merge.result()
    _parse_merged(text, source)
    if merge.edits:
        backup, modules = _replace(target, text), list(_copy_modules(source, target, merge))
        _report("Carried forward", merge.carried)
        _report("Your own code that came along", [*merge.added, *modules])
        print(f"The file as it was: {backup.name}.")
    else:
        print(f"Nothing to carry forward: {source} has nothing that is still to do here.")
    _report("Still to do from earlier assignments", _todo(text))
    _report("✗ Written in both files, and kept as it is here", merge.kept)


def _parse_merged(text: str, source: Path) -> None:
    try:
        ast.parse(text)
    except SyntaxError as error:
        raise UnreadableError(
            f"{source} cannot be merged, because of its line `{(error.text or '').strip()}`: copy your code by hand."
        ) from error


def _report(title: str, names: Sequence[str]) -> None:
    if names:
        print(f"{title}: {', '.join(names)}.")


def _replace(file: Path, text: str) -> Path:
    """Write a file anew and return the copy of the old one, whose name was not used before."""
    backups = (file.with_name(f"{file.stem}.before_{number}.txt") for number in itertools.count(1))
    backup = next(each for each in backups if not each.exists())
    shutil.copy2(file, backup)
    part = file.with_name(f"{file.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(file)
    return backup


def _copy_modules(source: Path, target: Path, merge: Merge) -> Iterator[str]:
    """Copy the modules that the old file imports from its own folder; yield the names of those that were missing."""
    for name in environment.own_modules(source.parent):
        old, new = source.parent / name, target.parent / name
        if not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(old, new)
            yield name
        elif old.read_bytes() != new.read_bytes():
            merge.kept.append(name)


def _todo(text: str) -> list[str]:
    """List the tasks of earlier assignments that are still stubs; of all assignments if this one has no section."""
    name = json.loads(ASKED.read_text(encoding="utf-8"))["assignment"] if ASKED.exists() else ""
    earlier = re.split(rf"^# -+ {name}$", text, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(r"raise NotImplementedError\([\"'](Task [\d.]+\d)", earlier)


if __name__ == "__main__":
    sys.exit(main())
