"""JupyterHub as deploy/jupyterhub sets it up: an instructor and two students with real accounts, in a real browser.

The accounts live in copies of /etc, /home and /srv, which only the hub and what it starts can see (a mount namespace):
this machine's own accounts and folders stay as they are.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.loop import solution
from tests.browser.pages import CHROMIUM, FLAGS, Formgrader, Lab
from tests.browser.servers import PATIENCE_S, REPOSITORY, course_copy, free_port

HW = "mnist_lenet"
DEPLOY = REPOSITORY / "deploy" / "jupyterhub"
MAKE_PROXY = "npm ci --prefix deploy/jupyterhub --omit-lockfile-registry-resolved"
PASSWORD = "only-in-this-test"
SETUP = r"""
set -e
mount --bind "$ROOT/etc" /etc; mount --bind "$ROOT/home" /home; mount --bind "$ROOT/srv" /srv
if [ -n "$HIDDEN" ]; then  # where others cannot reach the interpreter, show them that and nothing else
    mkdir -p "$ROOT/shown/$INTERPRETER"; mount --bind "$HIDDEN/$INTERPRETER" "$ROOT/shown/$INTERPRETER"
    mount --rbind "$ROOT/shown" "$HIDDEN"
fi
for name in prof ada bob; do userdel -f "$name" || true; groupdel -f "$name" || true; done 2>/dev/null  # in the copy
groupadd -f instructors; groupadd -f students
useradd -m -s /bin/bash -K HOME_MODE=0700 -G instructors prof
useradd -m -s /bin/bash -K HOME_MODE=0700 -G students ada
useradd -m -s /bin/bash -K HOME_MODE=0700 -G students bob
for name in prof ada bob; do echo "$name:$PASSWORD"; done | chpasswd
install -d -m 1777 /srv/nbgrader/exchange
cp -r "$ROOT/course" /home/prof/course; chown -R prof: /home/prof/course
cd "$ROOT/hub"; exec "$PYTHON" -m jupyterhub -f "$CONFIG"
"""


def missing() -> str:
    """What keeps this machine from trying it."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "a hub starts servers for other accounts: run as root, on Linux"
    if not CHROMIUM:
        return "no Chromium: as root, apt-get install chromium"
    if not shutil.which("node"):
        return "no node, which JupyterHub's proxy runs on: as root, apt-get install nodejs npm"
    if not (DEPLOY / "node_modules" / ".bin" / "configurable-http-proxy").exists():
        return f"JupyterHub's proxy is not installed: {MAKE_PROXY}"
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        return "no mount namespace can be made here"
    return ""


pytestmark = [
    pytest.mark.skipif(not os.environ.get("ALL_TESTS"), reason="takes minutes; ALL_TESTS=1 runs it"),
    pytest.mark.skipif(bool(missing()), reason=missing()),
]


class Hub:
    """A running hub, and its accounts."""

    def __init__(self, root: Path) -> None:
        self.root, self.url = root, f"http://127.0.0.1:{free_port()}"
        for name in ("home", "srv", "hub", "shown"):
            (root / name).mkdir()
        shutil.copytree("/etc", root / "etc", symlinks=True)
        course_copy(root / "course")
        hidden, interpreter = unreachable(Path(sys.executable).resolve())
        inner = {f"GRADEPROP_HUB_{which}": f"http://127.0.0.1:{free_port()}" for which in ("INNER_URL", "PROXY_URL")}
        settings = {"ROOT": str(root), "PASSWORD": PASSWORD, "CONFIG": str(DEPLOY / "jupyterhub_config.py")}
        settings |= {"PYTHON": sys.executable, "HIDDEN": hidden, "INTERPRETER": interpreter}
        settings |= {"GRADEPROP_HUB_URL": self.url, "PYTHONPATH": str(REPOSITORY), **inner}
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", SETUP]
        self.log = (root / "hub.log").open("w")
        self.process = subprocess.Popen(
            command, env=os.environ | settings, stdout=self.log, stderr=subprocess.STDOUT, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE_S
        while not self.answers():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.5)

    def answers(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"{self.url}/hub/health", timeout=5).status == 200)
        except OSError:
            return False

    def said(self) -> str:
        return (self.root / "hub.log").read_text()[-20_000:]

    def as_person(self, name: str, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command under an account, where the hub is."""
        inside = ["nsenter", "--mount", f"--target={self.process.pid}", "su", "-", name, "-c", command]
        return subprocess.run(inside, capture_output=True, text=True, check=False)

    def as_root(self, command: str) -> None:
        subprocess.run(
            ["nsenter", "--mount", f"--target={self.process.pid}", "sh", "-c", command],
            capture_output=True,
            check=False,
        )

    def close(self) -> None:
        self.process.terminate()  # the hub ends its proxy and all servers
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
        self.log.close()


def unreachable(interpreter: Path) -> tuple[str, str]:
    """The first folder on the way to the interpreter that others may not enter, and what in it leads there."""
    for folder in reversed(interpreter.parents):
        if not folder.stat().st_mode & 0o001:
            return str(folder), interpreter.relative_to(folder).parts[0]
    return "", ""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    root = Path(tempfile.mkdtemp(prefix="hub-"))
    root.chmod(0o755)
    hub = Hub(root)
    yield hub
    hub.close()
    print(hub.said())  # shown if a test failed
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=FLAGS)


def log_in(chromium: Browser, hub: Hub, name: str, password: str = PASSWORD) -> Page:
    """A window of their own, in which a person has logged in; their server has started if they may."""
    page = chromium.new_context(viewport={"width": 1280, "height": 800}).new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(f"{hub.url}/hub/login")
    page.locator("#username_input").fill(name)
    page.locator("#password_input").fill(password)
    page.locator("#login_submit").click()
    return page


def test_two_students_and_an_instructor_go_through_the_loop(hub: Hub, chromium: Browser) -> None:
    expect.set_options(timeout=PATIENCE_S * 1000)
    wrong = log_in(chromium, hub, "ada", "guessed")
    expect(wrong.get_by_text("Invalid username or password")).to_be_visible()

    windows = {name: log_in(chromium, hub, name) for name in ("prof", "ada", "bob")}
    for name, page in windows.items():
        page.wait_for_url(re.compile(f"/user/{name}/lab"))
    prof = Formgrader(windows["prof"], f"{hub.url}/user/prof", "")
    labs = {name: Lab(windows[name], f"{hub.url}/user/{name}", "reset") for name in ("ada", "bob")}

    prof.open("manage_assignments")
    assert "Success" in (said := prof.press(HW, "assign")), said
    assert "Success" in (said := prof.press(HW, "release")), said

    for name, lab in labs.items():
        lab.open()
        lab.assignments()
        lab.press("Fetch", "released")
        expect(lab.page.locator("#fetched_assignments_list")).to_contain_text(HW)
        if name == "ada":
            lab.write_file(f"{HW}/student_code.py", solution())
            lab.open()
            lab.assignments()
        lab.press("Submit", "fetched")
        expect(lab.page.locator("#submitted_assignments_list")).to_contain_text(HW)

    prof.open("manage_assignments")
    assert "Success" in (said := prof.press(HW, "collect")), said
    expect(prof.row(HW).locator(".num-submissions")).to_have_text("2")
    prof.open(f"manage_submissions/{HW}")
    windows["prof"].get_by_role("button", name="Autograde new submissions").click()
    expect(windows["prof"].locator("#autograding-state")).to_have_text(
        re.compile("^Autograded:|^Autograding ended"), timeout=900_000
    )
    assert "2 submissions" in windows["prof"].locator("#autograding-state").inner_text()
    for name in ("ada", "bob"):
        expect(prof.row(name).locator(".score")).to_contain_text("/")
    scores = [float(prof.row(name).locator(".score").inner_text().split("/")[0]) for name in ("ada", "bob")]
    assert scores[0] > scores[1] == 0

    prof.open(f"manage_submissions/{HW}")
    assert "Success" in (said := prof.press("ada", "generate-feedback")), said
    assert "Success" in (said := prof.press("ada", "release-feedback")), said
    labs["ada"].open()
    labs["ada"].assignments()
    labs["ada"].press("Fetch Feedback", "submitted")
    windows["ada"].locator("#submitted_assignments_list").get_by_text("(view feedback)").wait_for()
    assert hub.as_person("ada", f"ls {HW}/feedback/*/{HW}.html").returncode == 0

    assert windows["bob"].goto(f"{hub.url}/user/bob/formgrader/manage_assignments").status == 404
    assert windows["bob"].goto(f"{hub.url}/user/ada/lab").status in (403, 404)


@pytest.mark.parametrize("spoil", ["chmod 0755 /srv/nbgrader/exchange", "mv /srv/nbgrader/exchange /srv/gone"])
def test_an_exchange_that_is_missing_or_may_not_be_written_to_is_a_sentence(spoil: str, hub: Hub) -> None:
    submit = f"JUPYTER_CONFIG_PATH={DEPLOY}/students {sys.executable} -m nbgrader submit {HW}"
    before = hub.as_person("ada", f"cat {HW}/*.py").stdout
    hub.as_root(spoil)
    try:
        done = hub.as_person("ada", submit)
    finally:
        hub.as_root("mv /srv/gone /srv/nbgrader/exchange; chmod 1777 /srv/nbgrader/exchange")
    assert done.returncode != 0
    assert "Unwritable directory, please contact your instructor: /srv/nbgrader/exchange" in done.stderr
    assert hub.as_person("ada", f"cat {HW}/*.py").stdout == before
    assert hub.as_person("ada", submit).returncode == 0


@pytest.mark.parametrize("name", ["ada", "bob"])
def test_a_student_sees_no_file_of_others(hub: Hub, name: str) -> None:
    other = {"ada": "bob", "bob": "ada"}[name]
    assert hub.as_person(name, "ls ~").returncode == 0
    for path in (
        f"/home/{other}",
        "/home/prof",
        "/home/prof/course/grader_tests",
        "/srv/nbgrader/exchange/cnn/inbound",
    ):
        done = hub.as_person(name, f"ls {path}")
        assert "Permission denied" in done.stderr, (path, done)
    assert hub.as_person(name, "mv /srv/nbgrader/exchange/cnn /srv/nbgrader/exchange/mine").returncode
    assert hub.as_person(name, "touch /srv/nbgrader/exchange/cnn/outbound/mine").returncode


def test_the_grader_gets_a_jail_under_the_instructors_account(hub: Hub) -> None:
    done = hub.as_person("prof", f"cd course && PYTHONPATH={REPOSITORY} {sys.executable} -m gradeprop.cli.main doctor")
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"(full|restricted): ready in", done.stdout)
