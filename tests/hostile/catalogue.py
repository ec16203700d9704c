"""The attacks, and what each declares.

    attacks/<heading>/<what_it_tries>.py    submitted as student_code.py
    attacks/<heading>/<what_it_tries>/      submitted as it is
    made.py: make_<what_it_tries>(folder)   makes what git cannot store, and returns the folder or zip to submit

The docstring says in its first line what is tried. Lines that may occur anywhere in the text of the attack:

    # heading neighbours      only in made.py, where it is not ``files``
    # earns 5                 points that its honest behaviour earns; 0 without it
    # earns at most 5         where a race decides
    # reads "in these words"  must occur in what the student reads; may be repeated, and proves that it ran at all
    # restricted: sees that a file exists      if a tier (or full: …) is known not to stop something
    # restricted: takes 60 s more …            if a tier needs longer than the limit and 2 s

An attack that reaches what it wanted says so, by a line ``SAW: that a file exists`` in what it prints or raises: such
lines must be those declared for the tier, word for word, and no others. It finds ``target.json`` beside itself, which
says where everything is (``Arena.target``): a student may have found that out.
"""

import ast
import inspect
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "attacks"
HEADINGS = ("grade", "secrets", "machine", "neighbours", "files")


@dataclass(frozen=True, slots=True)
class Attack:
    """A hostile submission."""

    name: str
    heading: str
    text: str
    """its source, which declares what is expected"""
    make: Callable[[Path], Path]
    """writes it into an empty folder; returns the folder or zip to submit"""

    def __str__(self) -> str:
        return f"{self.heading}-{self.name}"

    @property
    def sentence(self) -> str:
        """The attempt, in one line."""
        body = ast.parse(self.text).body
        doc = ast.get_docstring(body[0] if isinstance(body[0], ast.FunctionDef) else ast.parse(self.text))
        return (doc or "").partition("\n")[0]

    @property
    def earns(self) -> tuple[float, float]:
        """The least and the most points that it deserves."""
        found = re.search(r"# earns (at most )?([\d.]+)$", self.text, re.MULTILINE)
        points = float(found[2]) if found else 0.0
        return (0.0 if found and found[1] else points), points

    @property
    def reads(self) -> list[str]:
        """Words that the student must read."""
        return re.findall(r'# reads "(.*)"$', self.text, re.MULTILINE)

    def sees(self, tier: str) -> list[str]:
        """Return what the tier is known not to stop."""
        return re.findall(rf"# {tier}: (sees .*)$", self.text, re.MULTILINE)

    def takes(self, tier: str) -> list[str]:
        """Return the reasons why the tier may need longer."""
        return re.findall(rf"# {tier}: (takes \d+ s more.*)$", self.text, re.MULTILINE)


def all_attacks() -> list[Attack]:
    """Every attack, by heading and name."""
    from tests.hostile import made

    found = [_written(path, heading) for heading in HEADINGS for path in (FOLDER / heading).iterdir() if _is_one(path)]
    found += [_made(function) for name, function in vars(made).items() if name.startswith("make_")]
    return sorted(found, key=lambda attack: (HEADINGS.index(attack.heading), attack.name))


def _is_one(path: Path) -> bool:
    return path.suffix == ".py" or (path.is_dir() and path.name != "__pycache__")


def _written(path: Path, heading: str) -> Attack:
    def make(folder: Path) -> Path:
        if path.is_dir():
            shutil.copytree(path, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, folder / "student_code.py")
        return folder

    code = path / "student_code.py" if path.is_dir() else path
    return Attack(path.stem, heading, code.read_text(encoding="utf-8"), make)


def _made(function: Callable[[Path], Path]) -> Attack:
    text = inspect.getsource(function)
    heading = re.search(r"# heading (\w+)$", text, re.MULTILINE)
    return Attack(function.__name__.removeprefix("make_"), heading[1] if heading else "files", text, function)
