"""check and submit: the same as given/check.py and given/submit.py of the folder, with their exit status."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gradeprop.cli.main import main

CHECK = "import pathlib, sys\npathlib.Path('seen').write_text(' '.join(sys.argv[1:]))\nsys.exit({})\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "given").mkdir()
    for name in ("student_code.py", "public_checks.py", "given/__init__.py", "given/submission.json"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.mark.parametrize("status", [0, 1, 3])
@pytest.mark.parametrize(("command", "arguments"), [("check", ["lenet", "count"]), ("submit", [])])
def test_the_helper_of_the_folder_runs_and_its_status_is_passed_on(
    folder: Path, command: str, arguments: list[str], status: int
) -> None:
    (folder / "given" / f"{command}.py").write_text(CHECK.format(status))
    done = CliRunner().invoke(main, [command, *arguments, "--folder", str(folder)])
    assert done.exit_code == status
    assert (folder / "seen").read_text() == " ".join(arguments)


@pytest.mark.parametrize("name", ["student_code.py", "public_checks.py", "given"])
def test_a_missing_file_is_named(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / name).rename(folder / "elsewhere")
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(main, ["check"])
    assert done.exit_code == 1
    assert f"{name} is not in the current folder. Run this in the folder of an assignment" in done.stderr
