"""The pictures of the README: a class is graded, a student's page, the class report.

python -m tests.browser.readme_pictures    writes them to docs/images
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page
from rich.console import Console
from rich.text import Text

from gradeprop.core.paths import AssignmentPaths, CoursePaths
from gradeprop.course.config import read_assignment
from gradeprop.course.known_answers import read_known_answers, reference_weights, write_answer
from tests.browser.pages import browser
from tests.browser.servers import REPOSITORY, course_copy

HW = "mnist_lenet"
IMAGES = REPOSITORY / "docs" / "images"
WIDTH = 104
"""columns of the terminal"""
HEIGHT = 900
"""pixels of a page that are shown"""
STUDENTS = {
    "Ada Lovelace": "reference",
    "Bob Fisher": "wrong/padding_in_conv2",
    "Cleo Marin": "wrong/softmax_in_lenet",
    "Dan Okoro": "wrong/no_zero_grad",
    "Eva Lindqvist": "right/",
    "Finn Sato": "wrong/softmax_in_mlp",
    "Grace Mbeki": "wrong/relu_missing_after_conv1",
    "Hugo Alvarez": "stub",
}
"""student → the beginning of the name of the known answer that they submit"""


def write_class(paths: AssignmentPaths) -> None:
    """Write the submissions of the class."""
    original = CoursePaths(REPOSITORY).assignment(HW)  # has trained weights
    answers = read_known_answers(read_assignment(paths.course, HW), paths)
    for student, name in STUDENTS.items():
        answer = next(answer for answer in answers if answer.name.startswith(name))
        write_answer(answer, paths, reference_weights(original, "sample"), paths.course.root / "submissions" / student)


def gradeprop(course: Path, *arguments: str) -> str:
    """Run a command as in a terminal with colours; return what it prints."""
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "GRADEPROP_DATASET": "sample"}
    command = [sys.executable, "-m", "gradeprop.cli.main", *arguments]
    done = subprocess.run(
        command, cwd=course, env=os.environ | terminal, stdout=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.replace(f"{course}/", "")


def write_terminal(commands: dict[str, str], file: Path) -> None:
    """Draw commands and what they printed, without fonts from elsewhere."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere, force_terminal=True, color_system="truecolor")
        for command, printed in commands.items():
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            console.print(Text.from_ansi(printed))
    drawn = console.export_svg(title="gradeprop", unique_id="terminal")
    file.write_text(re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL), encoding="utf-8")


def write_picture(page: Page, html: Path, file: Path, height: int) -> None:
    """Take a picture of the beginning of a page."""
    page.set_viewport_size({"width": 940, "height": height})
    page.goto(html.as_uri())
    page.screenshot(path=file)
    Image.open(file).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, optimize=True)


def main() -> None:
    """Grade the class, and make the three pictures."""
    with tempfile.TemporaryDirectory() as scratch:
        course = course_copy(Path(scratch) / "course")
        paths = CoursePaths(course).assignment(HW)
        write_class(paths)
        command = f"gradeprop grade {HW} submissions/"
        printed = gradeprop(course, *command.split()[1:])
        gradeprop(course, "report", HW)
        write_terminal({command: printed}, IMAGES / "terminal.svg")
        with browser() as page:
            write_picture(page, paths.student("Bob Fisher").feedback, IMAGES / "feedback.png", HEIGHT)
            write_picture(page, paths.report, IMAGES / "report.png", HEIGHT)


if __name__ == "__main__":
    main()
