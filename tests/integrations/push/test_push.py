"""Scores reach each student once, whatever happens on the way."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gradeprop.cli.main import main
from gradeprop.integrations.push import lti, web
from gradeprop.integrations.push.journal import Journal
from tests.integrations.lms_course import Course
from tests.integrations.push.conftest import MANY, SOME, total
from tests.integrations.push.platforms import AGS, FakeCanvas, FakeLti, FakePlatform

REJECTED = MANY[::20]  # 5 %


def set_up(course: Course, platform: FakePlatform, key: str) -> None:
    course.paths.push_toml.write_text(platform.settings)  # type: ignore[attr-defined]
    (course.paths.root / "lti.pem").write_text(key)


def push(course: Course, *words: str) -> Result:
    line = ["--course", str(course.paths.root), "push", *words]
    return CliRunner().invoke(main, line, env={"CANVAS_TOKEN": "secret", "COLUMNS": "200"})


def start(course: Course, *words: str) -> "subprocess.Popen[str]":
    line = [sys.executable, "-m", "gradeprop.cli.main", "--course", str(course.paths.root), "push", *words]
    pipe = subprocess.PIPE
    return subprocess.Popen(line, env=os.environ | {"CANVAS_TOKEN": "secret"}, stdout=pipe, stderr=pipe, text=True)


def lti_platform(key: str, students: list[str]) -> FakeLti:
    return FakeLti(lti.public_key(key, "lti.pem").rpartition("\n")[0], students)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lti", "canvas"])
def test_a_push_that_is_killed_half_way_gives_everybody_their_score_once(name: str, many: Course, key: str) -> None:
    platform: FakeLti | FakeCanvas
    with lti_platform(key, MANY) if name == "lti" else FakeCanvas(MANY) as platform:
        ids = dict(zip(MANY, platform.students if name == "canvas" else (f"u-{each}" for each in MANY), strict=True))
        platform.rejected = {ids[each] for each in REJECTED}
        set_up(many, platform, key)
        process = start(many, name, "toy")

        def kill(count: int) -> None:
            if count == 300:
                process.send_signal(signal.SIGKILL)  # stored, and not confirmed
                process.wait()

        platform.after_each = kill
        assert process.wait(120) == -signal.SIGKILL
        process.communicate()
        platform.after_each = lambda count: None
        assert sum(map(len, platform.received.values())) == 300
        done = push(many, name, "toy")
        assert done.exit_code == 1, done.output
        assert f"Error: {len(REJECTED)} of 600 rejected." in done.output
        again = push(many, name, "toy")
    assert {user: len(all_) for user, all_ in platform.received.items() if all_} == {
        ids[each]: 1 for each in MANY if each not in REJECTED
    }
    for student in set(MANY) - set(REJECTED):
        [got] = platform.received[ids[student]]
        points = got["scoreGiven"] * 15 / got["scoreMaximum"] if isinstance(got, dict) else got
        assert points == pytest.approx(total(student), abs=1e-3)
    assert "   300  there already" in done.output
    assert "   270  sent" in done.output
    assert "   570  there already" in again.output
    assert "    30  rejected" in again.output


def test_a_dry_run_sends_nothing_and_writes_nothing(some: Course, key: str) -> None:
    with lti_platform(key, SOME) as platform:
        set_up(some, platform, key)
        before = sorted(some.paths.root.rglob("*"))
        done = push(some, "lti", "toy", "--dry-run")
    assert done.exit_code == 0, done.output
    assert "    60  to send" in done.output
    assert not platform.received
    assert sorted(some.paths.root.rglob("*")) == before


def test_a_token_that_expires_on_the_way_is_renewed(some: Course, key: str) -> None:
    with lti_platform(key, SOME) as platform:
        platform.uses = 10
        set_up(some, platform, key)
        done = push(some, "lti", "toy")
    assert done.exit_code == 0, done.output
    assert len(platform.received) == 60
    assert len(platform.tokens) > 6


def test_a_registration_that_ends_on_the_way_is_a_sentence_and_the_same_command_goes_on(some: Course, key: str) -> None:
    with lti_platform(key, SOME) as platform:
        platform.uses, platform.max_tokens = 10, 5
        set_up(some, platform, key)
        done = push(some, "lti", "toy")
        assert done.exit_code == 1
        assert f"{platform.url}/token refuses our login (401:" in done.output
        assert "Compare client-id, token-url and private-key in push.toml" in done.output
        assert "the same command goes on from there" in done.output
        assert 0 < len(platform.received) < 60
        platform.max_tokens = 10**6
        assert push(some, "lti", "toy").exit_code == 0
    assert {len(all_) for all_ in platform.received.values()} == {1}
    assert len(platform.received) == 60


def test_a_canvas_token_that_expires_on_the_way_is_a_sentence(some: Course, key: str) -> None:
    with FakeCanvas(SOME) as platform:
        platform.requests_left = 20
        set_up(some, platform, key)
        done = push(some, "canvas", "toy")
        assert "does not accept the access token: it has expired or was deleted. Make a new one" in done.output
        assert "secret" not in done.output
        platform.requests_left = 10**6
        assert push(some, "canvas", "toy").exit_code == 0
    assert [len(platform.received[user]) for user in platform.students] == [1] * 60


def test_a_busy_platform_is_asked_again_and_one_that_is_gone_is_named(
    course: Course, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with FakeCanvas(["ada", "bob", "zoë", "李雷"]) as platform:
        set_up(course, platform, key)
        platform.busy = 2
        assert push(course, "canvas", "toy").exit_code == 0
        platform.busy = 10**6
        course.by_hand("ada", 1)
        done = push(course, "canvas", "toy")
        assert "asks us to slow down. Nothing is lost" in done.output
    done = push(course, "canvas", "toy")
    assert done.exit_code == 1
    assert "does not answer: " in done.output
    assert "Traceback" not in done.output


def test_the_wrong_course_is_refused_and_dropouts_are_named(course: Course, key: str) -> None:
    with lti_platform(key, ["eve", "fay", "gil"]) as platform:
        set_up(course, platform, key)
        done = push(course, "lti", "toy")
        assert "found no row for 4 of 4 students in the columns user_id, lis_person_sourcedid, email" in done.output
        assert "is it the roster of another course" in done.output
    with lti_platform(key, ["bob", "zoë", "李雷"]) as platform:
        set_up(course, platform, key)
        done = push(course, "lti", "toy")
        assert done.exit_code == 0, done.output
        assert "not on the platform: they are not students of the course there" in done.output
        assert "not graded yet: a question is still to be graded" in done.output
        assert {user: len(all_) for user, all_ in platform.received.items()} == {"u-zoë": 1}
        assert platform.received["u-zoë"][0]["scoreGiven"] == 0


def test_an_unknown_title_is_a_question_and_never_a_new_assignment(course: Course, key: str) -> None:
    with lti_platform(key, ["ada", "bob", "zoë", "李雷"]) as platform:
        platform.items[0]["label"] = "Lab 1"
        set_up(course, platform, key)
        done = push(course, "lti", "toy")
        assert "has no assignment 'Doubling', but: 'Lab 1'; choose one with --column 'Lab 1'" in done.output
        assert "or create it with --new-column" in done.output
        assert len(platform.items) == 1
        assert push(course, "lti", "toy", "--new-column").exit_code == 0
        made = platform.items[1]
        assert [made[name] for name in ("label", "resourceId", "scoreMaximum")] == ["Doubling", "toy", 15]
        assert push(course, "lti", "toy", "--new-column").exit_code == 0  # found by its resource id
        assert len(platform.items) == 2
    with FakeCanvas(["ada"]) as canvas:
        set_up(course, canvas, key)
        done = push(course, "canvas", "toy", "--column", "Doublings")
        assert "has no assignment 'Doublings', but: 'Doubling', 'Other'" in done.output


def test_what_people_decided_on_the_platform_stays(course: Course, key: str) -> None:
    students = ["ada", "bob", "zoë", "李雷"]
    with FakeCanvas(students) as platform:
        ada, bob, zoe, lei = platform.students
        for name in ("bob", "李雷"):
            course.by_hand(name, 5)
        platform.excused, platform.grades = {ada}, {bob: 3.0}
        set_up(course, platform, key)
        done = push(course, "canvas", "toy")
        assert platform.grades == {bob: 3.0, zoe: 0.0}
        assert "excused" in done.output
        assert "changed on the platform: somebody has changed them there; --overwrite replaces them" in done.output
        platform.excused = set()
        push(course, "canvas", "toy", "--overwrite")
        assert platform.grades == {ada: 11.75, bob: 15.0, zoe: 0.0}
        course.by_hand("bob", 4)  # what we sent ourselves may be replaced
        push(course, "canvas", "toy")
        assert platform.grades[bob] == 14.0
        assert lei not in platform.grades


def test_other_points_on_canvas_are_a_question(course: Course, key: str) -> None:
    with FakeCanvas(["ada", "bob", "zoë", "李雷"]) as platform:
        platform.points = 100.0
        set_up(course, platform, key)
        done = push(course, "canvas", "toy")
        assert "Canvas has 100 points for it, the gradebook 15; use --out-of 100 to scale" in done.output
        assert not platform.grades
        assert push(course, "canvas", "toy", "--out-of", "100").exit_code == 0
        assert sorted(platform.grades.values()) == [0.0, 78.3333]


def test_a_platform_that_does_not_show_results_is_pushed_by_the_journal(course: Course, key: str) -> None:
    with lti_platform(key, ["ada", "bob", "zoë", "李雷"]) as platform:
        platform.granted -= {AGS + "result.readonly"}
        set_up(course, platform, key)
        assert push(course, "lti", "toy").exit_code == 0
        assert push(course, "lti", "toy").exit_code == 0
    assert {user: len(all_) for user, all_ in platform.received.items()} == {"u-ada": 1, "u-zoë": 1}


def test_a_line_that_a_kill_cut_short_harms_no_other(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "hw")
    journal.note("ada", "1", "0.5", "sent")
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"student": "bo')
    again = Journal(tmp_path, "hw")
    again.note("zoë", "2", "0.7", "sent")
    last = Journal(tmp_path, "hw")
    assert (last.received("ada"), last.received("zoë"), last.received("bob")) == ("0.5", "0.7", None)
    assert Journal(tmp_path, "the same in another course").received("ada") is None


def test_two_pushes_at_once_are_one(course: Course, key: str) -> None:
    with FakeCanvas(["ada", "bob", "zoë", "李雷"]) as platform:
        set_up(course, platform, key)
        with Journal(course.paths.assignment("toy").pushed("canvas"), "hw").locked():
            done = push(course, "canvas", "toy")
        assert f"is in use by process {os.getpid()}" in done.output
        assert not platform.grades


BAD = {
    "": "has no section [canvas]",
    "[canvas]\nurl = 1": "Expected `str`",
    "[canvas": "push.toml: Expected ']'",
    '[canvas]\nurl = "http://canvas.uni.edu"\ncourse = 5': "is not an https address; grades and tokens are",
}


@pytest.mark.parametrize("text", BAD)
def test_settings_that_do_not_fit_are_a_sentence(text: str, course: Course) -> None:
    assert "push.toml: the file does not exist; gradeprop docs lms shows" in push(course, "canvas", "toy").output
    course.paths.push_toml.write_text(text)
    done = push(course, "canvas", "toy")
    assert done.exit_code == 1
    assert BAD[text] in done.output


def test_the_token_and_the_key_must_be_there(course: Course, key: str) -> None:
    course.paths.push_toml.write_text('[canvas]\nurl = "https://x"\ncourse = 5\n')
    line = ["--course", str(course.paths.root), "push", "canvas", "toy"]
    assert "CANVAS_TOKEN: the environment variable is not set" in CliRunner().invoke(main, line).output
    with lti_platform(key, ["ada"]) as platform:
        set_up(course, platform, key)
        (course.paths.root / "lti.pem").write_text("no key")
        assert "is not a private RSA key in PEM form; gradeprop push key makes one" in push(course, "lti", "toy").output
        (course.paths.root / "lti.pem").write_text(lti.new_key().decode())
        assert "refuses our login (400:" in push(course, "lti", "toy").output


def test_an_address_that_is_not_there_is_named(course: Course, key: str) -> None:
    with lti_platform(key, ["ada"]) as platform:
        set_up(course, platform, key)
        settings = course.paths.push_toml.read_text()
        course.paths.push_toml.write_text(settings.replace("/members", "/people"))
        done = push(course, "lti", "toy")
        assert f"{platform.url}/people answers 404" in done.output
        assert "Compare the addresses in push.toml" in done.output


def test_a_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    file = tmp_path / "lti.pem"
    first = CliRunner().invoke(main, ["push", "key", "--to", str(file)])
    assert first.exit_code == 0, first.output
    assert file.stat().st_mode & 0o777 == 0o600
    made = file.read_bytes()
    again = CliRunner().invoke(main, ["push", "key", "--to", str(file)])
    assert file.read_bytes() == made
    assert "-----BEGIN PUBLIC KEY-----" in again.output
    assert "PRIVATE" not in first.output
    assert json.loads(again.output.splitlines()[-1]).keys() == {"kty", "n", "e", "kid", "alg", "use"}


def test_a_token_is_sent_only_where_nobody_listens_in() -> None:
    for url in ("http://127.0.0.1:1/", "http://localhost/", "https://uni.edu"):
        web.require_encryption(url)
    for url in ("http://uni.edu", "ftp://127.0.0.1", "http://127.0.0.1.uni.edu", "uni.edu"):
        with pytest.raises(web.PlatformError, match="is not an https address"):
            web.require_encryption(url)
