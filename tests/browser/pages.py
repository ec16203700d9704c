"""Chromium, and what a person does in JupyterLab and in formgrader, by what they see there."""

import contextlib
import re
import shutil
import time
from collections.abc import Iterator

from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser.servers import PATIENCE_S, TOKEN

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run", "--disable-dev-shm-usage"]
_SIZE = {"width": 1280, "height": 800}


@contextlib.contextmanager
def browser() -> Iterator[Page]:
    """A window of Chromium without a screen, with a patience for slow machines."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)
        page = chromium.new_page(viewport=_SIZE, reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_S * 1000)
        expect.set_options(timeout=PATIENCE_S * 1000)
        yield page
        chromium.close()


class Lab:
    """JupyterLab, as a student works in it."""

    def __init__(self, page: Page, url: str, query: str = f"token={TOKEN}&reset") -> None:
        self.page, self.url, self.query = page, url, query

    def open(self, path: str = "") -> None:
        """Open the lab, or one file in it."""
        self.page.goto(f"{self.url}/lab{f'/tree/{path}' if path else ''}?{self.query}")
        self.page.wait_for_selector("#jp-main-dock-panel")
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def assignments(self) -> Locator:
        """Open nbgrader's list of assignments from its menu."""
        self.page.get_by_role("menuitem", name="Nbgrader", exact=True).click()
        self.page.get_by_role("menuitem", name="Assignment List").click()
        found = self.page.locator("#nbgrader-assignment-list")
        found.wait_for()
        return found

    def press(self, name: str, where: str) -> None:
        """Press a button in one of the lists: released, fetched, submitted."""
        self.page.locator(f"#{where}_assignments_list").get_by_role("button", name=name, exact=True).click()

    def write_file(self, path: str, text: str) -> None:
        """Replace the text of a file in JupyterLab's editor, and save it."""
        self.open(path)
        self.page.locator(".jp-FileEditor .cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
        self.save()

    def save(self) -> None:
        """Save what is open, and wait until it is."""
        with self.page.expect_response(lambda answer: answer.request.method == "PUT" and "/api/contents" in answer.url):
            self.page.keyboard.press("Control+S")

    def cell(self, text: str) -> Locator:
        """The code cell whose source holds a text."""
        source = self.page.locator(".jp-InputArea-editor", has_text=text)
        return self.page.locator(".jp-CodeCell").filter(has=source).first

    def run(self, text: str) -> Locator:
        """Run the cell that holds a text; what it has put out, once it has ended."""
        cell = self.cell(text)
        prompt = cell.locator(".jp-InputPrompt")
        before, deadline = prompt.inner_text(), time.monotonic() + PATIENCE_S
        while prompt.inner_text() == before:
            assert time.monotonic() < deadline, f"the cell was never begun: {text}"
            # without a kernel JupyterLab forgets that a cell was to run; with one it marks the cell at once
            expect(self.page.locator("#jp-main-statusbar")).to_contain_text(re.compile(r"(?<!No Kernel) \| Idle"))
            cell.scroll_into_view_if_needed()
            cell.locator(".cm-content").click()
            self.page.keyboard.press("Control+Enter")
            with contextlib.suppress(AssertionError):
                expect(prompt).not_to_have_text(before, timeout=2000)
        expect(prompt).to_have_text(re.compile(r"\[\d+\]:"))
        return cell.locator(".jp-OutputArea")

    def answer(self, question: str, text: str) -> None:
        """Write into the markdown cell below a question."""
        asked = self.page.locator(".jp-MarkdownCell", has=self.page.get_by_role("heading", name=question))
        cell = asked.locator("xpath=following-sibling::*[1]")
        cell.scroll_into_view_if_needed()
        cell.dblclick()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(text)
        self.page.keyboard.press("Control+Enter")
        expect(cell.locator(".jp-MarkdownOutput")).to_have_text(text)

    def validate(self) -> Locator:
        """Press nbgrader's button in the notebook; the dialog with its answer."""
        self.page.get_by_role("button", name="Validate", exact=True).click()
        dialog = self.page.locator(".jp-Dialog", has=self.page.locator("#validation-message"))
        dialog.wait_for(timeout=10 * PATIENCE_S * 1000)  # every cell runs, and trains
        return dialog


class Formgrader:
    """Formgrader, as an instructor works in it."""

    def __init__(self, page: Page, url: str, query: str = f"token={TOKEN}") -> None:
        self.page, self.url, self.query = page, url, query

    def open(self, path: str) -> None:
        """Open one of its pages, with its table filled."""
        self.page.goto(f"{self.url}/formgrader/{path}?{self.query}")
        expect(self.page.get_by_text("Loading, please wait...")).to_have_count(0)

    def press(self, row: str, button: str) -> str:
        """Press a button in the row of an assignment or student; what the dialog says that it ends with."""
        self.page.locator("#main-table tr", has_text=row).locator(f".{button} a").click()
        return self.dialog()

    def dialog(self) -> str:
        """Read the dialog that is shown, and close it."""
        dialog = self.page.locator(".modal.in")
        dialog.wait_for(timeout=5 * PATIENCE_S * 1000)
        said = dialog.inner_text()
        dialog.get_by_role("button", name="OK").click()
        dialog.wait_for(state="detached")
        self.page.locator(".modal-backdrop").wait_for(state="detached")
        return said

    def row(self, student: str) -> Locator:
        """The row of a student or an assignment."""
        return self.page.locator("#main-table tr", has_text=student)
