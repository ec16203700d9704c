"""Writes docs/field-guide.md: what common bugs of convolutional networks look like while they train.

    python -m benchmarks.field_guide            trains the bugs of docs/field-guide.toml that have no result yet
    python -m benchmarks.field_guide --page     only writes the page, from docs/results/field_guide.json

Each bug is a known wrong answer of grader_tests. Its code trains on the sample of digits, beside the reference
solution with the same seed; the public checks of its question run on it, too. Curves and messages are theirs.
"""

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn
from tqdm import tqdm

from gradeprop.core.paths import STUDENT_CODE, CoursePaths
from gradeprop.course import known_answers
from gradeprop.course.config import load_module, read_assignment
from gradeprop.grading.public_checks import PublicChecks

ROOT = Path(__file__).resolve().parents[1]
COURSE = CoursePaths(ROOT)
BUGS = ROOT / "docs" / "field-guide.toml"
PAGE = ROOT / "docs" / "field-guide.md"
CURVES = ROOT / "docs" / "images" / "field-guide"
RESULTS = ROOT / "docs" / "results" / "field_guide.json"
EPOCHS, BATCH_SIZE, LEARNING_RATE = 8, 32, 2e-3
History = dict[str, list[float]]

HEAD = """# A field guide to bugs in convolutional networks

Each bug below is a wrong answer that the hidden checks of this course know. Its code was trained on the sample of
handwritten digits for {epochs} epochs (AdamW, learning rate {rate}, batches of {batch}, seed 0). Grey curves are the
reference solution's, trained alike; solid lines are training, dashed lines test. The message is what a student's own
`check` says about it.

The page contains parts of the solution: hand it out after the deadline. `make field-guide` trains everything again and
writes this page; its list of bugs is [field-guide.toml](field-guide.toml).

| symptom | bug |
|---|---|
"""


def main() -> None:
    """Train what is asked for, and write the page."""
    parser = argparse.ArgumentParser(description="Write docs/field-guide.md.")
    parser.add_argument("--page", action="store_true", help="train nothing: use the stored results")
    parser.add_argument("--train", nargs=2, metavar=("FOLDER", "WHAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print(json.dumps(train(Path(options.train[0]), options.train[1])))
        return
    if not options.page:
        measure()
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    for bug in (bug for bug in bugs() if "error" not in _history(results, bug)):
        draw(results, bug).savefig(CURVES / f"{name(bug)}.svg", metadata={"Date": None})
        plt.close()
    PAGE.write_text(page(results), encoding="utf-8")


def bugs() -> list[dict[str, str]]:
    """Read the table of bugs."""
    return list(tomllib.loads(BUGS.read_text(encoding="utf-8"))["bug"])


def name(bug: dict[str, str]) -> str:
    """Return the name of the wrong answer, without its assignment."""
    return bug["answer"].split("/")[1]


# ---------------------------------------------------------------- training


def measure() -> None:
    """Train what RESULTS does not contain yet, and run the public checks on it; the file is written after each."""
    results: dict[str, Any] = {"reference": {}, "bugs": {}}
    if RESULTS.is_file():
        results = json.loads(RESULTS.read_text(encoding="utf-8"))
    ways = sorted({bug["trains"] for bug in bugs()} - results["reference"].keys())
    for way in tqdm(ways, desc="reference"):
        results["reference"][way] = _train_apart(COURSE.source, way)
        _store(results)
    for bug in tqdm([bug for bug in bugs() if bug["answer"] not in results["bugs"]], desc="bugs"):
        with tempfile.TemporaryDirectory() as folder:
            said = message(bug, Path(folder))
            results["bugs"][bug["answer"]] = {"message": said, "history": _train_apart(Path(folder), bug["trains"])}
        _store(results)


def _store(results: dict[str, Any]) -> None:
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def answer(bug: dict[str, str]) -> known_answers.KnownAnswer:
    """Find a bug's known answer."""
    assignment, wrong = bug["answer"].split("/")
    paths = COURSE.assignment(assignment)
    answers = known_answers.read_known_answers(read_assignment(COURSE, assignment), paths)
    return next(each for each in answers if each.name == f"wrong/{wrong}")


def message(bug: dict[str, str], folder: Path) -> str:
    """Write the bug's code into ``folder``, and return what the public checks say first."""
    paths = COURSE.assignment(bug["answer"].split("/")[0])
    (folder / STUDENT_CODE).write_text(known_answers.code_of(answer(bug), paths), encoding="utf-8")
    with PublicChecks(paths) as checks:
        checks.start(folder)
        _, said = checks.finish()
    check, *below = said.partition("✗ ")[2].splitlines()
    return "\n".join([check, *(line.strip() for line in below[:1])]).strip()


def _train_apart(folder: Path, way: str) -> History:
    """Train in a process of its own, since it imports ``student_code`` from ``folder``."""
    command = [sys.executable, "-m", "benchmarks.field_guide", "--train", str(folder), way]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    history: History = json.loads(done.stdout.splitlines()[-1])
    return history


def train(folder: Path, way: str) -> dict[str, Any]:
    """Train a network of the ``student_code.py`` in ``folder`` with its loops: loss and accuracy per epoch."""
    torch.set_num_threads(1)
    sys.path[:0] = [str(folder), str(COURSE.source)]
    student = load_module(folder / STUDENT_CODE, "student_code")
    fit = importlib.import_module("given.training").fit
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as scratch:
        model, loaders = WAYS[way](student, Path(scratch))
        try:
            optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0)
        except ValueError as error:  # a network without parameters
            return {"error": str(error)}
        loops = (student.train_model, student.test_model)
        history: History = fit(model, loaders, optimizer, nn.CrossEntropyLoss(), EPOCHS, *loops)
    return {quantity: [round(value, 4) for value in values] for quantity, values in history.items()}


def _in_memory(size: int, test_batch: int = 360) -> tuple[Any, Any]:
    digits = importlib.import_module("given.digits")

    def batches(is_train: bool) -> Any:
        images, labels = digits.load("sample", train=is_train)
        images = digits.resize(images) if size == 32 else images
        size_of_batch = BATCH_SIZE if is_train else test_batch
        return digits.in_memory(images, labels, size_of_batch, shuffle=is_train)

    return batches(True), batches(False)


def _from_files(student: ModuleType, scratch: Path) -> tuple[nn.Module, Any]:
    digits = importlib.import_module("given.digits")
    folders = []
    for part in (True, False):
        images, labels = digits.load("sample", train=part)
        folders.append(digits.write_folder(digits.resize(images), labels, scratch / str(part)))
    return student.LeNet5(), student.make_loaders(*folders, batch_size=BATCH_SIZE)


WAYS: dict[str, Any] = {  # what is trained, and on which batches
    "lenet": lambda student, _: (student.LeNet5(), _in_memory(32)),
    "files": _from_files,
    "small": lambda student, _: (student.SmallLeNet(), _in_memory(28)),
    "small_batches": lambda student, _: (student.LeNet5(), _in_memory(32, test_batch=BATCH_SIZE)),
    "regularised": lambda student, _: (student.RegularisedLeNet(), _in_memory(28, test_batch=BATCH_SIZE)),
}


# ---------------------------------------------------------------- the page


def draw(results: dict[str, Any], bug: dict[str, str]) -> Figure:
    """Draw loss and accuracy of a bug beside the reference's."""
    matplotlib.rcParams |= {"svg.hashsalt": "field-guide", "svg.fonttype": "none", "font.size": 9}
    figure, panels = plt.subplots(1, 2, figsize=(7.2, 2.4), layout="constrained")
    curves = (results["reference"][bug["trains"]], "0.6", "reference"), (_history(results, bug), "#c2410c", "this bug")
    for panel, quantity in zip(panels, ("loss", "accuracy"), strict=True):
        for history, colour, label in curves:
            for part, line in (("train", "-"), ("test", "--")):
                values = history[f"{part}_{quantity}"]
                panel.plot(range(1, len(values) + 1), values, line, color=colour, label=f"{label}, {part}")
        panel.set(xlabel="epoch", ylabel=quantity)
    panels[0].set_ylim(bottom=0)
    panels[1].set_ylim(0, 1.02)
    panels[1].legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return figure


def _history(results: dict[str, Any], bug: dict[str, str]) -> History:
    history: History = results["bugs"][bug["answer"]]["history"]
    return history


def page(results: dict[str, Any]) -> str:
    """Write the page as Markdown."""
    text = HEAD.format(epochs=EPOCHS, rate=LEARNING_RATE, batch=BATCH_SIZE)
    rows = [f"| [{bug['symptom']}](#{name(bug)}) | `{bug['answer']}` |\n" for bug in bugs()]
    return text + "".join(rows) + "".join(_entry(results, bug) for bug in bugs())


def _entry(results: dict[str, Any], bug: dict[str, str]) -> str:
    history = _history(results, bug)
    reference = results["reference"][bug["trains"]]
    if "error" in history:
        shown = f"Training does not begin: `{history['error']}`."
    else:
        shown = f"![{_alt_text(history, reference)}](images/field-guide/{name(bug)}.svg)"
    said = (
        results["bugs"][bug["answer"]]["message"] or f"No public check sees it: {answer(bug).unseen_by_public_checks}"
    )
    quoted = "\n".join(f"> {line}  " for line in said.splitlines())
    changes = "\n".join(_diff(*pair) for pair in answer(bug).replace)
    return f"""
## {bug["symptom"]} {{#{name(bug)}}}

{shown}

{quoted}

**Why.** {bug["why"]}

**Fix.** {bug["fix"]}

```diff
{changes}
```
"""


def _alt_text(history: History, reference: History) -> str:
    return (
        f"Loss and accuracy per epoch. At the end, training loss {history['train_loss'][-1]:.2f} and test accuracy "
        f"{history['test_accuracy'][-1]:.0%}; the reference has {reference['train_loss'][-1]:.2f} and "
        f"{reference['test_accuracy'][-1]:.0%}."
    )


def _diff(right: str, wrong: str) -> str:
    """Show a change of the solution as it is undone: the wrong lines with -, the right ones with +."""
    lines = [f"-{line}" for line in wrong.strip("\n").splitlines()]
    return "\n".join(lines + [f"+{line}" for line in right.strip("\n").splitlines()])


if __name__ == "__main__":
    main()
