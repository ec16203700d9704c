"""What commands print with --json is what the schema says, and nothing else; --quiet leaves only that."""

import json
from typing import Any

import jsonschema
from click.testing import CliRunner, Result

from gradeprop.cli.main import main
from gradeprop.core.paths import AssignmentPaths
from tests.factory import submission
from tests.reference import reports


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def report(command: str, result: Result) -> list[dict[str, Any]]:
    """The list that a command printed, after a comparison with the schema."""
    assert not result.exit_code, result.output
    printed: list[dict[str, Any]] = json.loads(result.stdout)
    schema = json.loads(reports.schema())
    jsonschema.validate(printed, {"$defs": schema["$defs"], **schema["properties"][command]})
    return printed


def test_a_class_is_graded_and_every_report_is_json(toy: AssignmentPaths) -> None:
    folder = toy.course.root / "class"
    for name in ("ada", "bob"):
        submission(folder / name)
    (folder / "bob" / "student_code.py").write_text("")
    at = ("--course", str(toy.course.root))
    graded = {line["student"]: line for line in report("grade", run(*at, "grade", "toy", str(folder), "--json"))}
    assert {name: line["status"] for name, line in graded.items()} == {"ada": "graded", "bob": "graded"}
    assert graded["bob"]["points"] < graded["ada"]["points"] == graded["ada"]["possible"]
    scores = {line["student"]: line for line in report("scores", run(*at, "scores", "toy", "--json"))}
    assert sum(scores["ada"]["points"].values()) == graded["ada"]["points"]
    assert (scores["ada"]["total"], scores["ada"]["not_graded"]) == (None, ["written"])
    (status,) = report("status", run(*at, "status", "--json"))
    assert (status["assignment"], status["graded"]) == ("toy", 2)
    assert [line["id"] for line in report("student list", run(*at, "student", "list", "--json"))] == ["ada", "bob"]
    assert report("data", run(*at, "data", "--json")) == []
    quiet = run("--quiet", *at, "grade", "toy", str(folder), "--force")
    assert (quiet.exit_code, quiet.output) == (0, "")
    assert report("scores", run("-q", *at, "scores", "toy", "--json"))


def test_known_answers_are_reported(toy: AssignmentPaths) -> None:
    toy.notebook.write_text("{}")
    result = run("--course", str(toy.course.root), "verify", "toy", "--only", "wrong/", "--json")
    (case,) = report("verify", result)
    assert (case["case"], case["problem"]) == ("wrong/halves", "")
    assert case["points"] == case["expected"]
