"""What scores on plain nbgrader, and more of the kind: each changes a submission whose code deserves nothing.

python -m tests.autograding.attacks    hands all in, to plain nbgrader and to ours; docs/results/nbgrader_attacks.md
"""

import contextlib
import copy
import inspect
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from nbformat import v4 as nbf
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde

from gradeprop.core.paths import AssignmentPaths
from tests.autograding.course import RIGHT, WRONG, cell, convert, make_course, nbgrader, save, submit
from tests.conftest import REPOSITORY

Attack = Callable[[Path, Any], None]
RESULTS = REPOSITORY.root / "docs" / "results" / "nbgrader_attacks.md"


def tag_the_tests_to_be_skipped(folder: Path, book: Any) -> None:
    """The test cells carry the tag skip-execution."""
    for name in ("double", "held"):
        cell(book, name).metadata.tags = ["skip-execution"]


def blank_asserts_by_a_transformer(folder: Path, book: Any) -> None:
    """An AST transformer, put into the shell by a cell of the student's, takes out every assert."""
    cell(book, "scratch").source = (
        "import ast\n\n\nclass Blank(ast.NodeTransformer):\n    def visit_Assert(self, node):\n"
        "        return ast.copy_location(ast.Pass(), node)\n\n\nget_ipython().ast_transformers.append(Blank())"
    )


def empty_cells_by_an_input_transformer(folder: Path, book: Any) -> None:
    """An input transformer gives back nothing for every later cell."""
    cell(book, "scratch").source = "get_ipython().input_transformers_cleanup.append(lambda lines: ['0\\n'][:0])"


def print_a_score_by_a_formatter(folder: Path, book: Any) -> None:
    """Asserts compare to an object that is equal to all, and a formatter displays 6."""
    cell(book, "scratch").source = (
        "import torch\ntorch.allclose = lambda *_, **__: True\n"
        "get_ipython().display_formatter.formatters['text/plain'].for_type(int, lambda n, p, c: p.text('6'))"
    )


def swallow_every_exception(folder: Path, book: Any) -> None:
    """The shell's exception handler keeps quiet, so that a failed assert is no error."""
    cell(book, "scratch").source = "get_ipython().set_custom_exc((BaseException,), lambda *_, **__: None)"


def replace_the_shells_run_cell(folder: Path, book: Any) -> None:
    """The shell's own compile is replaced by one that compiles nothing."""
    cell(
        book, "scratch"
    ).source = "shell = get_ipython()\nshell.compile.ast_parse = lambda *_, **__: __import__('ast').parse('')"


def return_what_is_equal_to_everything(folder: Path, book: Any) -> None:
    """The code returns an object that is equal to everything, and torch is told to agree."""
    text = "class Same(float):\n    def __eq__(self, other): return True\n    def __neg__(self): return self\n"
    (folder / "student_code.py").write_text(
        f"import torch\n{text}    def __getitem__(self, i): return self\n\n\ntorch.allclose = lambda *_: True\n\n\n"
        "def double(x):\n    return Same(1)\n"
    )


def show_another_score_by_a_repr(folder: Path, book: Any) -> None:
    """The code returns a number whose _repr_pretty_ and _repr_html_ say 10."""
    (folder / "student_code.py").write_text(
        "class Ten(float):\n    def _repr_html_(self): return '10'\n"
        "    def _repr_pretty_(self, p, c): p.text('10')\n\n\n"
        "def double(x):\n    return Ten(0)\n"
    )


def end_the_process_with_success(folder: Path, book: Any) -> None:
    """The code calls os._exit(0)."""
    (folder / "student_code.py").write_text("import os\nos._exit(0)\n")


def bring_a_torch_of_ones_own(folder: Path, book: Any) -> None:
    """A file torch.py, whose allclose is always true."""
    (folder / "torch.py").write_text(
        "class T(list):\n    def __mul__(self, n): return self\n    __rmul__ = __mul__\n"
        "    def __neg__(self): return [-2]\n"
        "tensor = T\nallclose = lambda *_, **__: True\n"
    )
    (folder / "student_code.py").write_text("def double(x):\n    return 7\n")


def bring_a_pytest_of_ones_own(folder: Path, book: Any) -> None:
    """Files pytest.py, conftest.py, pytest.ini and sitecustomize.py that say all has passed."""
    for name in ("pytest.py", "conftest.py", "sitecustomize.py", "ipykernel_launcher.py"):
        (folder / name).write_text("import os, sys\nsys.exit(0)\n")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n")


def rewrite_the_tests(folder: Path, book: Any) -> None:
    """The locked cells hold other tests."""
    for name in ("double", "held"):
        cell(book, name).source = "assert True"


def rewrite_and_unlock_the_tests(folder: Path, book: Any) -> None:
    """The test cells are said to be the student's own, not locked, and hold nothing."""
    for name in ("double", "held"):
        cell(book, name).metadata.nbgrader.update(locked=False, solution=True)
        cell(book, name).source = "pass"


def raise_the_points(folder: Path, book: Any) -> None:
    """The metadata of the test cells promise 1000 points."""
    for name in ("double", "held"):
        cell(book, name).metadata.nbgrader.points = 1000


def delete_the_tests(folder: Path, book: Any) -> None:
    """The test cells are gone."""
    book.cells = [c for c in book.cells if c.cell_type == "markdown"]


def strip_the_metadata(folder: Path, book: Any) -> None:
    """No cell has any metadata left."""
    for one in book.cells:
        one.metadata = {}


def double_the_tests(folder: Path, book: Any) -> None:
    """Every named cell is there twice, its copy empty."""
    for one in [*book.cells]:
        twin = copy.deepcopy(one)
        twin.id, twin.source = f"{one.id}-again", ""
        book.cells.append(twin)


def turn_the_order_round(folder: Path, book: Any) -> None:
    """The tests stand before what they test."""
    book.cells.reverse()


def make_the_tests_prose(folder: Path, book: Any) -> None:
    """The test cells are Markdown, and wait for a kind person."""
    for name in ("double", "held"):
        one = cell(book, name)
        one.cell_type, one.source = "markdown", "I deserve it."
        del one["outputs"], one["execution_count"]


def hand_in_outputs(folder: Path, book: Any) -> None:
    """The test cells come with outputs that say 6 and 4."""
    for name, points in (("double", "6"), ("held", "4")):
        cell(book, name).outputs = [nbf.new_output("execute_result", {"text/plain": points}, execution_count=1)]


def claim_another_schema(folder: Path, book: Any) -> None:
    """The metadata are of schema 99, at which plain nbgrader ends the batch."""
    cell(book, "double").metadata.nbgrader.schema_version = 99


def ask_for_another_kernel(folder: Path, book: Any) -> None:
    """The notebook asks for a kernel that there is not."""
    book.metadata.kernelspec = {"name": "mine", "display_name": "Mine", "language": "python"}


def link_to_the_solution(folder: Path, book: Any) -> None:
    """student_code.py is a link to the instructor's."""
    (folder / "student_code.py").unlink()
    (folder / "student_code.py").symlink_to("../../../source/student_code.py")


def link_to_a_classmates_work(folder: Path, book: Any) -> None:
    """student_code.py is a link to the one of a good student."""
    (folder / "student_code.py").unlink()
    (folder / "student_code.py").symlink_to("../../honest/toy/student_code.py")


def hand_in_no_json(folder: Path, book: Any) -> None:
    """The notebook is no JSON."""
    (folder / "toy.ipynb").write_text("{")


def hand_in_deep_json(folder: Path, book: Any) -> None:
    """The notebook is a list in a list, a hundred thousand deep."""
    (folder / "toy.ipynb").write_text("[" * 100_000)


def hand_in_odd_metadata(folder: Path, book: Any) -> None:
    """The metadata are lists and numbers where tables belong."""
    plain = json.loads((folder / "toy.ipynb").read_text())
    for one in plain["cells"]:
        one["metadata"] = {"nbgrader": [1, 2], "tags": {"a": 1}}
    (folder / "toy.ipynb").write_text(json.dumps(plain))


def hand_in_no_notebook(folder: Path, book: Any) -> None:
    """After a good submission one that has no notebook: the old score must not stay."""
    (folder / "toy.ipynb").unlink()


def break_after_a_good_submission(folder: Path, book: Any) -> None:
    """After a good submission one without test cells, whose code does not compile: the old score must not stay."""
    delete_the_tests(folder, book)
    (folder / "student_code.py").write_text("def double(:\n")


def forge_an_early_time(folder: Path, book: Any) -> None:
    """timestamp.txt says 1970."""
    (folder / "timestamp.txt").write_text("1970-01-01 00:00:00 UTC")


def forge_no_time(folder: Path, book: Any) -> None:
    """timestamp.txt is no time, nor text."""
    (folder / "timestamp.txt").write_bytes(b"\xff\xfe\x00tomorrow")


ATTACKS: dict[str, Attack] = {
    name: found
    for name, found in list(globals().items())
    if inspect.isfunction(found)
    and found.__module__ == __name__
    and [*inspect.signature(found).parameters] == ["folder", "book"]
}
RESUBMITTED = (hand_in_no_notebook, break_after_a_good_submission)
"""handed in over a submission that got all points"""


def submit_all(toy: AssignmentPaths, chosen: Iterable[str] = tuple(ATTACKS)) -> None:
    for name in chosen:
        attack = ATTACKS[name]
        folder, book = submit(toy, name, WRONG)
        attack(folder, book)
        if attack not in (hand_in_no_json, hand_in_deep_json, hand_in_odd_metadata, hand_in_no_notebook):
            save(folder, book)
    submit(toy, "honest", RIGHT)


def points(toy: AssignmentPaths, student: str) -> float | None:
    """The automatic points that the gradebook holds; None where it holds none."""
    with Gradebook(f"sqlite:///{toy.course.root / 'gradebook.db'}") as book:
        try:
            found = [book.find_grade(name, "toy", "toy", student).auto_score for name in ("double", "held")]
        except MissingEntry:
            return None
        given = [score for score in found if score is not None]
        return sum(given) if given else None


def run(root: Path, plain: bool) -> dict[str, float | None]:
    """Points of every attacker; plain nbgrader is called again for each, as one of them may end its batch."""
    toy = make_course(root, plain)
    nbgrader(toy, "generate_assignment", "toy")
    if plain:
        toy.source.joinpath("student_code.py").unlink(missing_ok=True)
    for attack in RESUBMITTED:
        submit(toy, attack.__name__, RIGHT)
    nbgrader(toy, "autograde", "toy")
    submit_all(toy)
    if not plain:
        nbgrader(toy, "autograde", "toy")
    for student in (*ATTACKS, "honest") if plain else ():
        with contextlib.suppress(Exception):  # which would end the batch
            convert(Autograde, toy, student, force=True)
    return {student: points(toy, student) for student in (*ATTACKS, "honest")}


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        ours = run(Path(folder, "ours"), plain=False)
        print(f"{ours=}", flush=True)
        plain = run(Path(folder, "plain"), plain=True)
        print(f"{plain=}")
    assert ours.pop("honest") == plain.pop("honest") == 10, "the honest one"
    gained = {name: sum(bool(found[name]) for name in ATTACKS) for name, found in (("ours", ours), ("plain", plain))}
    lines = [
        "# What scores on plain nbgrader, handed in to `nbgrader autograde` with our configuration",
        "",
        f"{len(ATTACKS)} submissions whose code deserves none of 10 points, and an honest one, graded as one batch:",
        f"{gained['ours']} gained points with our `nbgrader_config.py`, {gained['plain']} with nbgrader's own",
        "defaults on the same notebooks, called for each student apart, as some end its batch. An old score that",
        f"stays counts as gained; – is no score. nbgrader {_version()}. Made by `make nbgrader-attacks`.",
        "",
        "| what was handed in | points gained | on plain nbgrader |",
        "|---|---|---|",
    ]
    lines += [f"| {attack.__doc__} | {_said(ours[name])} | {_said(plain[name])} |" for name, attack in ATTACKS.items()]
    RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))
    sys.exit(bool(gained["ours"]))


def _said(found: float | None) -> str:
    return "–" if found is None else f"{found:g}"


def _version() -> str:
    from importlib.metadata import version

    return version("nbgrader")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
