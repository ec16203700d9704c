"""Ordinary accidents on correct submissions: how many keep their points, and how many are held for a person?

    python -m tests.campaigns.accidents --seeds 300        writes docs/results/accidents.md

Each submission of the toy course is worth full points, and has a written answer. Some accidents happen to it: it is
renamed, wrapped, zipped, put beside other files, or saved in another encoding; the answer is written into another cell,
or an editor drops the names of the cells. Then its class is downloaded from a platform, or collected. A result is
correct if it has full points and the person who grades sees the answer, or if it is held with an explanation.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from gradeprop.core.errors import SubmissionError
from gradeprop.core.models import GradeRecord
from gradeprop.core.paths import AssignmentPaths, CoursePaths, StudentPaths
from gradeprop.course import release
from gradeprop.grading.grader import Grader, open_grader
from gradeprop.grading.settings import RunSettings
from gradeprop.grading.store import Store
from gradeprop.integrations.nbgrader import staging
from gradeprop.submissions.lms_downloads import open_lms_download
from tests.autograding.course import make_course
from tests.factory import RIGHT, Content, moodle_name, write_files, zip_of
from tests.grading.runs import found, grade_all, settings_of

Files = dict[str, Content]
Accident = Callable[[Files, random.Random], Files]

_RENAMED = (
    "student_code (1).py", "student_code(2).py", "Student_Code.py", "student_code.py.txt", "student-code.py",
    "Copy of student_code.py", "student_code_ada_lovelace.py", "student_code - Kopie.py", "homework.py",
)  # fmt: skip
_STRAY = (
    "README.txt", ".DS_Store", "._student_code.py", "Thumbs.db", "Desktop.ini", ".gitignore", ".vscode/settings.json",
    "report.pdf", "__MACOSX/._hw", "__pycache__/student_code.cpython-311.pyc", "notes/idea.md", "figures/loss.png",
)  # fmt: skip
_FOLDERS = ("hw1", "hw1 ", "mnist lenet", "Lovelace_Ada", "src", "final version (2)", "é")
ANSWER = "The third convolution sees the whole image."
_COMMENT = "# Größe in µm: naïve Lösung\n"


def renamed(files: Files, draw: random.Random) -> Files:
    return {draw.choice(_RENAMED) if name == "student_code.py" else name: data for name, data in files.items()}


def wrapped(files: Files, draw: random.Random) -> Files:
    folder = "/".join(draw.choice(_FOLDERS) for _ in range(draw.randint(1, 3)))
    return {f"{folder}/{name}": data for name, data in files.items()}


def stray(files: Files, draw: random.Random) -> Files:
    return dict.fromkeys(draw.sample(_STRAY, draw.randint(1, 4)), "x") | files


def zipped(files: Files, draw: random.Random) -> Files:
    return {draw.choice(("toy.zip", "hw1.zip", "Archive.zip", "toy (1).zip")): zip_of(files)}


def zipped_twice(files: Files, draw: random.Random) -> Files:
    data = zip_of(files)
    return {"toy.zip": data, "toy (1).zip": data}


def encoded(files: Files, draw: random.Random) -> Files:
    encoding = draw.choice(("utf-8-sig", "utf-16", "latin-1"))
    return {
        name: f"{_COMMENT}{data}".encode(encoding) if isinstance(data, str) and name.endswith((".py", ".txt")) else data
        for name, data in files.items()
    }


def line_ends(files: Files, draw: random.Random) -> Files:
    return {name: data.replace("\n", "\r\n") if isinstance(data, str) else data for name, data in files.items()}


def old_versions(files: Files, draw: random.Random) -> Files:
    return files | {f"{draw.choice(('old', 'backup', 'v1'))}/{name}": "x = 1\n" for name in files if "/" not in name}


def two_versions(files: Files, draw: random.Random) -> Files:
    """Two candidates, of which nothing says which one counts: a person must decide."""
    others = {name: data for name, data in files.items() if not name.endswith((".py", ".zip"))}
    return others | {"student_code (1).py": RIGHT, "student_code (2).py": "x = 1\n"}


def notebook_renamed(files: Files, draw: random.Random) -> Files:
    names = ("Copy of toy.ipynb", "toy (1).ipynb", "HW1_lovelace.ipynb", "toy.ipynb.json", "toy_Ada.ipynb", "TOY.ipynb")
    return {draw.choice(names) if name == "toy.ipynb" else name: data for name, data in files.items()}


def answer_elsewhere(files: Files, draw: random.Random) -> Files:
    """The student writes into a new cell, into the cell above, or into a code cell."""

    def move(cells: list[dict[str, Any]], at: int) -> None:
        kind = draw.choice(("new", "above", "code"))
        if kind == "above":
            cells[at - 1]["source"] = f"{_text(cells[at - 1])}\n\n{ANSWER}"
        else:
            new = {"cell_type": "markdown", "metadata": {}, "source": ANSWER}
            if kind == "code":
                new = {
                    "cell_type": "code",
                    "metadata": {},
                    "outputs": [],
                    "execution_count": None,
                    "source": f"# {ANSWER}",
                }
            cells.insert(at + 1, new)
        cells[at]["source"] = "YOUR ANSWER HERE"

    return _edited(files, move)


def names_lost(files: Files, draw: random.Random) -> Files:
    """An editor drops the metadata of all cells, and perhaps their ids."""
    with_ids = draw.random() < 0.5

    def drop(cells: list[dict[str, Any]], at: int) -> None:
        for cell in cells:
            cell["metadata"] = {}
            if not with_ids:
                cell.pop("id", None)

    return _edited(files, drop)


def odd_value(files: Files, draw: random.Random) -> Files:
    """Another cell has a value that JSON does not allow, but Python writes."""
    odd = draw.choice((float("nan"), float("-inf"), "\ud83d"))

    def spoil(cells: list[dict[str, Any]], at: int) -> None:
        cells.insert(0, {"cell_type": "markdown", "metadata": {"odd": odd}, "source": "Notes"})

    return _edited(files, spoil)


def _edited(files: Files, edit: Callable[[list[dict[str, Any]], int], None]) -> Files:
    """Edit the cells of the notebook, given the place of the one with the answer; no change if it is in a zip."""

    def change(data: Content) -> Content:
        try:
            notebook = json.loads(data)
        except ValueError:  # an old version of something else
            return data
        at = next((n for n, cell in enumerate(notebook["cells"]) if ANSWER in _text(cell)), 0)
        edit(notebook["cells"], at) if at else None
        return json.dumps(notebook).encode()

    return {name: change(data) if name.endswith(".ipynb") else data for name, data in files.items()}


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


ACCIDENTS: tuple[Accident, ...] = (
    renamed, wrapped, stray, zipped, zipped_twice, encoded, line_ends, old_versions, two_versions, notebook_renamed,
    answer_elsewhere, names_lost, odd_value,
)  # fmt: skip

Layout = Callable[[Path, Files, random.Random], Path]


def as_folder(place: Path, files: Files, draw: random.Random) -> Path:
    """A class of folders, with a file of the instructor's beside them."""
    write_files(place / "ada", files)
    write_files(place / "bob", {"student_code.py": RIGHT})
    if draw.random() < 0.5:
        write_files(place, {draw.choice(("roster.csv", "Thumbs.db", "grades.xlsx")): "x"})
    return place


def as_zip(place: Path, files: Files, draw: random.Random) -> Path:
    write_files(place, {"ada.zip": zip_of(files), "bob.zip": zip_of({"student_code.py": RIGHT})})
    return place


def as_nbgrader(place: Path, files: Files, draw: random.Random) -> Path:
    write_files(place / "submitted" / "ada" / "toy", files | {"timestamp.txt": "2026-01-31 10:00:00 UTC"})
    write_files(place / "submitted" / "bob" / "toy", {"student_code.py": RIGHT})
    return place / "submitted"


def _download(place: Path, files: Files) -> Path:
    write_files(place, {"download.zip": zip_of(files)})
    return place / "download.zip"


def as_canvas(place: Path, files: Files, draw: random.Random) -> Path:
    """Canvas stores files without folders, so a folder is uploaded as a zip."""
    flat = files if all("/" not in name for name in files) else {"hw.zip": zip_of(files)}
    late = "LATE_" if draw.random() < 0.3 else ""
    names = {f"lovelaceada_{late}501_{7001 + n}_{name}": data for n, (name, data) in enumerate(flat.items())}
    return _download(place, names | {"babbage_502_8001_student_code.py": RIGHT})


def as_moodle(place: Path, files: Files, draw: random.Random) -> Path:
    text = {"Ada Lovelace_501_assignsubmission_onlinetext_/onlinetext.html": "<p>done</p>"}
    names = {moodle_name("501", name): data for name, data in files.items()} | (text if draw.random() < 0.5 else {})
    return _download(place, names | {moodle_name("502", "student_code.py", "Bob"): RIGHT})


def as_blackboard(place: Path, files: Files, draw: random.Random) -> Path:
    flat = files if all("/" not in name for name in files) else {"hw.zip": zip_of(files)}
    names = {f"Lab 1_ada_attempt_2026-01-31-12-30-00_{name}": data for name, data in flat.items()}
    return _download(place, names | {"Lab 1_bob_attempt_2026-01-31-12-31-00_student_code.py": RIGHT})


def as_brightspace(place: Path, files: Files, draw: random.Random) -> Path:
    mark = draw.choice((" - ", "/"))
    names = {f"501-77 - Ada Lovelace - Jan 31, 2026 1130 AM{mark}{name}": data for name, data in files.items()}
    bob = {f"502-77 - Bob B - Jan 31, 2026 1131 AM{mark}student_code.py": RIGHT}
    return _download(place, names | bob | {"index.html": "x"})


def as_gradescope(place: Path, files: Files, draw: random.Random) -> Path:
    about = "".join(f"submission_{n}:\n  :submitters:\n  - :name: X\n    :sid: '{500 + n}'\n" for n in (1, 2))
    names = {f"submission_1/{name}": data for name, data in files.items()}
    everything = names | {"submission_2/student_code.py": RIGHT, "submission_metadata.yml": about}
    return _download(place, {f"assignment_9_export/{name}": data for name, data in everything.items()})


LAYOUTS: tuple[Layout, ...] = (
    as_folder, as_zip, as_nbgrader, as_canvas, as_moodle, as_blackboard, as_brightspace, as_gradescope,
)  # fmt: skip


def happen(seed: int, toy: AssignmentPaths, grader: Grader, place: Path) -> tuple[str, str, str]:
    """Let some accidents happen to a submission, and grade its class.

    Returns:
        The names of the accidents, the layout, and the result: "correct", "held: ..." or "wrong: ...".
    """
    draw = random.Random(seed)
    chosen = draw.sample(ACCIDENTS, draw.randint(1, 3))
    released = release.released_notebook(toy)
    files: Files = {"student_code.py": RIGHT, "results.txt": "1\n", "toy.ipynb": _answered(released)}
    for accident in chosen:
        files = accident(files, draw)
    layout = draw.choice(LAYOUTS)
    path = layout(place, files, draw)
    settings = settings_of(toy, 7, place.with_name("results"))
    with Store(settings) as store:
        try:
            if "download" in path.name:
                with open_lms_download(path, settings.assignment, place.with_name("cache")) as download:
                    assert download
                    named, aside = list(download.submissions), [each.reason for each in download.unattributed]
                    records = grade_all(store, named, _with(grader, store))
            else:
                records, aside = grade_all(store, found(settings, path), _with(grader, store)), []
        except SubmissionError as error:
            records, aside = [], [str(error)]
    result = "correct"
    for record in records:
        if record.status == "graded" and not _is_shown(released, record, settings):
            return _names(chosen), layout.__name__, "wrong: the answer is lost"
        if record.status == "needs_attention":
            result = f"held: {record.reason}"
        elif (record.status, record.points) != ("graded", 10):
            return _names(chosen), layout.__name__, f"wrong: {record.student} {record.status} {record.points:g}"
    if aside:
        result = f"held: {aside[0]}"
    elif len(records) != 2:
        result = f"wrong: {len(records)} of 2 students"
    return _names(chosen), layout.__name__, result


def _answered(released: bytes) -> bytes:
    notebook = json.loads(released)
    (cell,) = [cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == "written"]
    cell["source"] = ANSWER
    return json.dumps(notebook).encode()


def _is_shown(released: bytes, record: GradeRecord, settings: RunSettings) -> bool:
    """Whether the person who grades sees the answer; only Ada has written one."""
    if record.key in ("bob", "502"):
        return True
    notebook = nbformat.reads(released.decode(), as_version=4)
    staging.fill_in(notebook, record, StudentPaths(settings.results / record.key))
    return any(ANSWER in cell.source for cell in notebook.cells)


def _with(grader: Grader, store: Store) -> Grader:
    return Grader(store.settings, grader.sources, store.folders, grader.judge, grader.jail)


def _names(accidents: list[Accident]) -> str:
    return ", ".join(sorted(accident.__name__ for accident in accidents))


def campaign(seeds: int, scratch: Path) -> list[tuple[str, str, str]]:
    """Return the results of all seeds."""
    toy = make_course(scratch / "course")
    results = []
    with Store(settings_of(toy, 7)) as store, open_grader(store.folders) as grader:
        for seed in range(seeds):
            place = scratch / "class"
            results.append(happen(seed, toy, grader, place))
            shutil.rmtree(place)
            shutil.rmtree(place.with_name("results"), ignore_errors=True)
    return results


def main() -> None:
    """Write the table; exit with status 1 if a grade is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    seeds = parser.parse_args().seeds
    with tempfile.TemporaryDirectory() as scratch:
        results = campaign(seeds, Path(scratch))
    rows: dict[str, Counter[str]] = {}
    for accidents, layout, result in results:
        for kind in (*accidents.split(", "), layout):
            rows.setdefault(kind, Counter()).update([result.partition(":")[0]])
    lines = [
        "# Ordinary accidents",
        "",
        f"{seeds} classes, each with a correct submission that one to three accidents happened to, in one of the "
        "layouts in which classes arrive. Made by `python -m tests.campaigns.accidents`; kinds and seeds are there.",
        "",
        "| kind | tries | graded correctly | held with an explanation | wrong |",
        "|---|---|---|---|---|",
    ]
    for kind, counted in sorted(rows.items()):
        total = sum(counted.values())
        lines.append(
            f"| {kind.replace('_', ' ')} | {total} | {counted['correct']} | {counted['held']} | {counted['wrong']} |"
        )
    total = Counter(result.partition(":")[0] for *_, result in results)
    lines.append(f"| **classes** | {seeds} | {total['correct']} | {total['held']} | {total['wrong']} |")
    held = Counter(accidents for accidents, _, result in results if result.startswith("held"))
    lines += ["", f"Held: {'; '.join(f'{kind} ({number})' for kind, number in sorted(held.items()))}."]
    course = CoursePaths.find(Path.cwd())
    (course.root / "docs" / "results" / "accidents.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for accidents, layout, result in results:
        if result != "correct":
            print(f"{accidents} / {layout}: {result}")
    sys.exit(1 if total["wrong"] else 0)


if __name__ == "__main__":
    main()
