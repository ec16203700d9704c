"""The whole loop in a real browser, one function per step; ``python -m tests.browser.loop`` makes the docs' pictures.

An instructor makes and releases an assignment; a student fetches it, works on it in JupyterLab, checks, validates and
hands in; the instructor collects, grades by machine and by hand, and gives feedback; the student reads it.
"""

import contextlib
import io
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser.pages import Formgrader, Lab, browser
from tests.browser.servers import REPOSITORY, Person, Server, course_copy, exchange, jupyter

HW = "mnist_lenet"
ANSWER = "The third convolution holds 48,120 of the 61,706 parameters: its kernel covers the whole 5×5 map."
COMMENT = "Right. Why does a convolution get by with so few?"
_LAB = {
    "notebook-extension/tracker": '{"windowingMode": "none"}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}',
}


class Loop:
    """An instructor, students and their servers, and what each does."""

    def __init__(self, root: Path, page: Page, pictures: Path | None = None) -> None:
        self.root, self.page, self.pictures = root, page, pictures
        self.exchange = exchange(root / "exchange")
        self.prof, self.ada, self.bob, self.cleo = (
            Person(name, root / name, self.exchange) for name in ("prof", "ada", "bob", "cleo")
        )
        # one account plays all here, so a file does not tell whose it is; test_hub.py has accounts
        self.prof.settle("c.ExchangeCollect.check_owner = False\n")
        for student in (self.ada, self.bob, self.cleo):
            student.settle(f"c.CourseDirectory.student_id = {student.name!r}\n")
        for name, settings in _LAB.items():
            file = self.ada.home / ".jupyter" / "lab" / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(settings)
        students_lab = REPOSITORY / "deploy" / "jupyterhub" / "students" / "labconfig"
        shutil.copytree(students_lab, self.ada.home / ".jupyter" / "labconfig")
        self.course = course_copy(root / "prof" / "course")

    @contextlib.contextmanager
    def servers(self) -> Iterator[None]:
        """Both Jupyter servers: the instructor's in the course, the student's at home."""
        with jupyter(self.prof, self.course) as course, jupyter(self.ada, self.ada.home) as home:
            self.course_server: Server = course
            self.formgrader, self.lab = Formgrader(self.page, course.url), Lab(self.page, home.url)
            yield

    def picture(self, name: str, top: float = 0, bottom: float = 800) -> None:
        """A picture for the docs: what lies between two heights of the window."""
        if self.pictures:
            clip: FloatRect = {"x": 0, "y": top, "width": 1280, "height": bottom - top}
            shown = Image.open(io.BytesIO(self.page.screenshot(clip=clip)))
            shown.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
                self.pictures / f"{name}.png", optimize=True
            )

    def enrol(self) -> None:
        """The list of the class, by nbgrader's command."""
        names = "id,first_name,last_name\nada,Ada,Lovelace\nbob,Bob,Fisher\ncleo,Cleo,Marin\n"
        (self.course / "class.csv").write_text(names)
        done = self.prof.nbgrader("db", "student", "import", "class.csv", cwd=self.course)
        assert done.returncode == 0, done.stderr

    def release(self) -> None:
        self.formgrader.open("manage_assignments")
        assert "Success" in (said := self.formgrader.press(HW, "assign")), said
        assert "Success" in (said := self.formgrader.press(HW, "release")), said
        expect(self.formgrader.row(HW)).to_contain_text("released")
        self.picture("formgrader_assignments", bottom=590)

    def fetch(self) -> None:
        self.lab.open()
        self.lab.assignments()
        self.lab.press("Fetch", "released")
        expect(self.page.locator("#fetched_assignments_list")).to_contain_text(HW)

    def work(self) -> tuple[str, str]:
        """What ``check("lenet")`` says before the student has written anything, and after."""
        folder = self.ada.home / HW
        self.lab.open(f"{HW}/{HW}.ipynb")
        self.lab.run("%load_ext autoreload")
        before = self.lab.run('check("lenet")')
        expect(before).to_contain_text("Still to do")
        told = before.inner_text()
        self.lab.write_file(f"{HW}/student_code.py", solution())
        assert (folder / "student_code.py").read_text().rstrip() == solution().rstrip()
        self.lab.open(f"{HW}/{HW}.ipynb")
        after = self.lab.run('check("lenet")')  # the kernel is still the one from before
        expect(after).to_contain_text("passed")
        self.page.mouse.move(0, 0)
        self.picture("lab_check")
        self.lab.answer("Where the parameters are", ANSWER)
        self.lab.save()
        return told, after.inner_text()

    def validate(self) -> str:
        dialog = self.lab.validate()
        said = dialog.inner_text()
        self.picture("lab_validate")
        dialog.get_by_role("button", name=re.compile("OK", re.I)).click()
        return said

    def submit(self) -> None:
        self.lab.open()
        self.lab.assignments()
        self.lab.press("Submit", "fetched")
        expect(self.page.locator("#submitted_assignments_list")).to_contain_text(HW)
        self.picture("lab_assignments", bottom=370)

    def others_submit(self) -> None:
        """Two more, by nbgrader's commands: one with nothing written, one with a mistake."""
        for student, change in ((self.bob, ""), (self.cleo, "cleo")):
            for command in ("fetch_assignment", "submit"):
                if command == "submit" and change:
                    (student.home / HW / "student_code.py").write_text(solution().replace("nn.ReLU()", "nn.Tanh()"))
                done = student.nbgrader(command, HW)
                assert done.returncode == 0, done.stderr

    def show(self, heading: str) -> None:
        """Scroll until a heading is at the top, below what stays there."""
        self.page.get_by_role("heading", name=heading).evaluate(
            "it => scrollBy(0, it.getBoundingClientRect().top - 70)"
        )

    def collect(self) -> None:
        self.formgrader.open("manage_assignments")
        assert "Success" in (said := self.formgrader.press(HW, "collect")), said
        expect(self.formgrader.row(HW).locator(".num-submissions")).to_have_text("3")

    def autograde(self) -> list[float]:
        """All that is new, by one button; how long the server took to answer others meanwhile, in seconds."""
        self.formgrader.open(f"manage_submissions/{HW}")
        expect(self.page.locator("#autograding-state")).to_have_text("3 submissions not autograded yet")
        self.page.get_by_role("button", name="Autograde new submissions").click()
        state, waits = self.page.locator("#autograding-state"), list[float]()
        taken, deadline = False, time.monotonic() + 600
        while not re.match("Autograded|Autograding ended", said := state.inner_text()):
            assert time.monotonic() < deadline, said
            began = time.monotonic()
            assert self.course_server.ask("/formgrader/api/status")[0] == 200
            waits.append(time.monotonic() - began)
            if not taken and re.search(r"[12] of 3", said):
                self.picture("formgrader_autograding", bottom=500)
                taken = True
            self.page.wait_for_timeout(100)
        assert said.startswith("Autograded: 3 submissions"), said + self.page.locator("#autograding-log").inner_text()
        expect(self.page.locator("#main-table")).not_to_contain_text("needs autograding")
        return waits

    def autograde_again(self) -> None:
        """One student, by formgrader's own button."""
        self.formgrader.open(f"manage_submissions/{HW}")
        assert "Successfully autograded" in (said := self.formgrader.press("ada", "autograde")), said

    def grade_by_hand(self) -> None:
        self.formgrader.open(f"gradebook/{HW}/{HW}")
        self.page.locator("#main-table tr", has=self.page.get_by_text("Lovelace, Ada", exact=True)).locator(
            ".name a"
        ).first.click(force=True)
        score = self.page.locator("input.score#written_parameters")
        score.scroll_into_view_if_needed()
        comment = self.page.locator(".nbgrader_cell", has=score).locator("textarea").first
        # before these are there, the page does not hear what is typed, and then clears it
        expect(score).to_have_class(re.compile("needs_manual_grade"))
        expect(comment).to_have_attribute("placeholder", re.compile("."))
        with self.page.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"):
            score.fill("8")
            score.press("Tab")
        with self.page.expect_response(lambda answer: "/api/comment/" in answer.url and answer.request.method == "PUT"):
            comment.fill(COMMENT)
            comment.press("Tab")
        panel = self.page.locator(".nbgrader_cell", has=score)
        expect(panel).to_contain_text(ANSWER)
        self.page.wait_for_function("() => !jQuery(':animated').length")  # the page scrolls to what Tab leads to
        self.show("Where the parameters are")
        still = "() => (r => r.top === 0 || r.bottom <= 0)(document.querySelector('.navbar').getBoundingClientRect())"
        self.page.wait_for_function(still)  # the bar at the top slides in or out
        self.picture("formgrader_by_hand", bottom=_bottom(panel) + 8)

    def give_feedback(self) -> None:
        self.formgrader.open(f"manage_submissions/{HW}")
        assert "Success" in (said := self.formgrader.press("ada", "generate-feedback")), said
        assert "Success" in (said := self.formgrader.press("ada", "release-feedback")), said
        self.picture("formgrader_submissions", bottom=470)

    def read_feedback(self) -> str:
        self.lab.open()
        self.lab.assignments()
        self.lab.press("Fetch Feedback", "submitted")
        self.page.locator("#submitted_assignments_list").get_by_text("(view feedback)").wait_for()
        page = next((self.ada.home / HW / "feedback").rglob("*.html"))
        # Jupyter gives files only to who comes from a page of its own
        where = f"{self.lab.url}/files/{page.relative_to(self.ada.home).as_posix()}"
        self.page.goto(where, referer=f"{self.lab.url}/lab")
        self.show("Where the parameters are")
        comment = self.page.get_by_text(COMMENT)
        self.picture("feedback_nbgrader", bottom=_bottom(comment) + 20)
        return self.page.inner_text("body")


def _bottom(what: Locator) -> float:
    box = what.bounding_box()
    assert box, "it is to be seen"
    return box["y"] + box["height"]


def solution() -> str:
    """The reference, as a student would have written it: without the markers."""
    text = (REPOSITORY / "source" / "student_code.py").read_text()
    return re.sub(r"^ *### (BEGIN|END) SOLUTION.*\n", "", text, flags=re.MULTILINE)


def run(root: Path, pictures: Path | None) -> dict[str, Any]:
    """The loop from end to end; what was seen on the way."""
    seen: dict[str, Any] = {}
    with browser() as page:
        loop = Loop(root, page, pictures)
        with loop.servers():
            try:
                for step in (
                    loop.enrol,
                    loop.release,
                    loop.fetch,
                    loop.work,
                    loop.validate,
                    loop.submit,
                    loop.others_submit,
                    loop.collect,
                    loop.autograde,
                    loop.autograde_again,
                    loop.grade_by_hand,
                    loop.give_feedback,
                    loop.read_feedback,
                ):
                    began = time.monotonic()
                    seen[step.__name__] = step()
                    print(f"{step.__name__}: {time.monotonic() - began:.1f} s", file=sys.stderr, flush=True)
            except BaseException:
                page.screenshot(path=root / "failed.png")
                print(f"{step.__name__} failed: {root}/failed.png", file=sys.stderr)
                raise
    return seen


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    found = run(where, REPOSITORY / "docs" / "images")
    print(found)
