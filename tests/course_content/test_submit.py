"""The student's packer: what it finds, one zip for the same files, and a receipt that the grader repeats."""

import ast
import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given as drawn
from hypothesis import strategies as st
from nbclient import NotebookClient
from safetensors.torch import save

from gradeprop.cli.main import main
from gradeprop.core.assignment import Assignment, Limits, Question
from gradeprop.core.models import JailRun
from gradeprop.course.release import _packer_config
from gradeprop.grading.scoring import grade
from gradeprop.results import feedback
from gradeprop.submissions import intake, lms_downloads
from tests import factory
from tests.conftest import REPOSITORY
from tests.factory import canvas_name, moodle_name, write_files, zip_file

GIVEN_FILES = ("submit.py", "environment.py")
HERE = "{}.{}".format(*sys.version_info)
HW = Assignment(
    name="hw",
    title="",
    questions=(Question(name="net", title="A net", points=1),),
    submission={
        "hw.ipynb": "the notebook",
        "hw.html or hw.pdf": "a copy of it",
        "student_code.py": "your code",
        "net.safetensors": "the weights",
        "history.json": "the curves",
    },
    given=GIVEN_FILES,
    limits=Limits(submission_mib=1),
    root="",
)
STUB = b"# ---------------------------------------------------------------- hw\n\n\ndef net():\n    " + (
    b'raise NotImplementedError("Task 1.2: build it")\n\n\n# ---------------------------------------------------------'
    b'------- later\n\n\ndef more():\n    raise NotImplementedError("Task 9.1: later")\n'
)


def notebook(*cells: dict[str, Any]) -> bytes:
    """A notebook with a cell that was run, and more cells."""
    return factory.notebook({"cell_type": "code", "source": "1 + 1", "execution_count": 1, "outputs": []}, *cells)


GOOD = {
    "hw.ipynb": notebook(),
    "hw.pdf": b"%PDF-1.7 ...",
    "student_code.py": STUB.replace(b'raise NotImplementedError("Task 1.2: build it")', b"return 1"),
    "net.safetensors": save({"w": torch.ones(3)}),
    "history.json": b'{"a": [1]}',
}
PLATFORM_NAMES = (canvas_name("31415", "hw-1.zip", late=True), moodle_name("31415", "hw.zip"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an assignment with all that is asked for in it."""
    write_files(tmp_path / "hw", GOOD | {"given/submission.json": _packer_config(HW, STUB), "given/__init__.py": b""})
    for name in GIVEN_FILES:
        shutil.copy(REPOSITORY.given / name, tmp_path / "hw" / "given")
    return tmp_path / "hw"


@pytest.fixture
def packer(folder: Path) -> Iterator[ModuleType]:
    yield import_packer(folder / "given")
    assert "student_code_as_saved" not in sys.modules


def import_packer(given: Path) -> ModuleType:
    """Import given.submit as a part of another package, since the course's own ``given`` may be imported, too."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "packed"]:
        del sys.modules[name]
    spec = importlib.util.spec_from_file_location(
        "packed", given / "__init__.py", submodule_search_locations=[str(given)]
    )
    assert spec is not None
    sys.modules["packed"] = importlib.util.module_from_spec(spec)
    return importlib.import_module("packed.submit")


def pack(packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], ends: int = 0) -> str:
    assert packer.main(["--folder", str(folder)]) == ends
    return capsys.readouterr().out


def receipt(said: str) -> str:
    return next(line for line in said.splitlines() if line.startswith("Receipt: ")).removeprefix("Receipt: ")


def taken(path: Path, into: Path) -> str:
    return intake.take(path, "ada", HW, into).receipt


def test_what_is_asked_for_is_packed_and_nothing_else(
    packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "diary.txt").write_text("dear diary")
    said = pack(packer, folder, capsys)
    assert "✗" not in said
    assert "hw.zip is packed: 5 files" in said
    with zipfile.ZipFile(folder / "hw.zip") as packed:
        assert {name: packed.read(name) for name in packed.namelist()} == GOOD


def test_the_same_files_make_the_same_zip_whenever_they_were_written(
    packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = pack(packer, folder, capsys), (folder / "hw.zip").read_bytes()
    for name in GOOD:
        (folder / name).chmod(0o600)
        os.utime(folder / name, (1, 1_700_000_000))
    assert (pack(packer, folder, capsys), (folder / "hw.zip").read_bytes()) == first


def test_the_receipt_is_the_graders_however_it_arrives(
    packer: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a zip, renamed by Canvas or Moodle, unpacked, packed again by a Mac, and as the whole folder by nbgrader."""
    printed = receipt(pack(packer, folder, capsys))
    zipped = folder / "hw.zip"
    renamed = [tmp_path / name for name in PLATFORM_NAMES]
    for path in renamed:
        path.parent.mkdir(exist_ok=True)
        shutil.copy(zipped, path)
    with zipfile.ZipFile(zipped) as packed:
        packed.extractall(tmp_path / "unpacked")
    mac = {f"hw/{name}": data for name, data in reversed(GOOD.items())}
    zip_file(tmp_path / "mac.zip", mac | {f"__MACOSX/hw/._{name}": b"\0" for name in GOOD})
    paths = [zipped, *renamed, tmp_path / "unpacked", tmp_path / "mac.zip", folder]
    assert {path.name: taken(path, tmp_path / "into") for path in paths} == dict.fromkeys(
        [path.name for path in paths], printed
    )


@pytest.mark.parametrize("name", PLATFORM_NAMES)
def test_the_receipt_comes_through_a_download_of_the_class(
    name: str, packer: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = receipt(pack(packer, folder, capsys))
    zip_file(tmp_path / "submissions.zip", {name: (folder / "hw.zip").read_bytes()})
    with lms_downloads.open_lms_download(tmp_path / "submissions.zip", HW, tmp_path / "scratch") as found:
        assert found is not None
        ((path, student),) = found.submissions
        assert (student, taken(path, tmp_path / "into")) == ("31415", printed)


def test_a_file_that_changed_on_its_way_changes_the_receipt(
    packer: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = receipt(pack(packer, folder, capsys))
    for name, data in GOOD.items():
        (folder / name).write_bytes(data + b" ")
        assert taken(folder, tmp_path / "into") != printed, name
        (folder / name).write_bytes(data)
    (folder / "hw.html").write_text("<html>")
    assert taken(folder, tmp_path / "into") != printed


@drawn(st.dictionaries(st.text(min_size=1), st.binary()))
def test_packer_and_grader_compute_the_same(contents: dict[str, bytes]) -> None:
    module = import_packer(REPOSITORY.given)
    contents = {name.encode(errors="replace").decode(): data for name, data in contents.items()}
    digests = {name: hashlib.sha256(data).digest() for name, data in contents.items()}
    assert module.receipt(contents) == intake._sha256(digests)


def test_record_and_page_repeat_the_receipt(
    packer: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = receipt(pack(packer, folder, capsys))
    submission = intake.take(folder / "hw.zip", "ada", HW, tmp_path / "into")
    run = JailRun(assignment="hw", student="ada", seed=0, dataset="", tier="", probes=(), values={})
    record = grade(HW, submission, run, ())
    assert record.receipt == printed
    assert f"<code>{printed}</code>" in feedback.page(HW, record)


def failing(source: str = "1 / 0") -> dict[str, Any]:
    error = {"output_type": "error", "ename": "ZeroDivisionError", "evalue": "", "traceback": []}
    return {"cell_type": "code", "source": source, "execution_count": 2, "outputs": [error]}


FLAWS: dict[str, tuple[str, bytes | None, str]] = {
    "nothing saved": ("student_code.py", b"", "It is empty"),
    "the stub": ("student_code.py", STUB, "It is unchanged"),
    "the stub, by way of Windows": ("student_code.py", STUB.replace(b"\n", b"\r\n"), "It is unchanged"),
    "a task left": ("student_code.py", STUB + b"x = 1\n", "Still to do: Task 1.2."),
    "not Python": ("student_code.py", b"x = 1\ndef net(:\n", "Python cannot read it: line 2: invalid syntax."),
    "zeros": ("student_code.py", b"x\0", "Python cannot read it"),
    "an unknown module": ("student_code.py", b"import torhc\n", "It imports torhc, which is not installed here."),
    "no code": ("student_code.py", None, "✗ student_code.py is missing: your code."),
    "zeros without a line": ("student_code.py", "x = 1\n".encode("utf-16"), "Python cannot read it: source code"),
    "no copy": ("hw.pdf", None, "✗ hw.html or hw.pdf is missing: a copy of it."),
    "a copy by renaming": ("hw.pdf", GOOD["hw.ipynb"], "It is not PDF"),
    "half a notebook": ("hw.ipynb", GOOD["hw.ipynb"][:-9], "It is not a notebook"),
    "no notebook": ("hw.ipynb", b"[]", "It is not a notebook"),
    "never run": (
        "hw.ipynb",
        GOOD["hw.ipynb"].replace(b'"execution_count": 1', b'"execution_count": null'),
        "The saved notebook has no outputs",
    ),
    "an error": ("hw.ipynb", notebook(failing()), "One of its cells ended in an error: ZeroDivisionError."),
    "nothing written": (
        "hw.ipynb",
        notebook({"cell_type": "markdown", "source": ["YOUR ANSWER HERE"]}),
        "1 answer still to write",
    ),
    "no weights": ("net.safetensors", save({}), "It contains no weights"),
    "half the weights": ("net.safetensors", GOOD["net.safetensors"][:-1], "It is truncated"),
    "an odd header": ("net.safetensors", (3).to_bytes(8, "little") + b"[1]", "It is truncated, or not a safetensors"),
    "a pickle": ("net.safetensors", b"\x80\x04K\x01.", "It is a pickle"),
    "no curves": ("history.json", b"{}", "It is JSON, but empty."),
    "no JSON": ("history.json", b"{'a': 1}", "It is not JSON"),
}


@pytest.mark.parametrize("metadata", [{"dataset": "sample"}, {"dataset": "mnist"}, {"format": "pt"}, None])
def test_weights_of_the_sample_are_packed_with_a_remark(
    metadata: dict[str, str] | None, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.safetensors").write_bytes(save({"w": torch.ones(3)}, metadata))
    said = pack(packer, folder, capsys)
    assert said.count("were trained on the sample") == (metadata == {"dataset": "sample"})


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flaw_is_named_and_what_is_there_is_packed_all_the_same(
    flaw: str, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name, data, says = FLAWS[flaw]
    (folder / name).unlink() if data is None else (folder / name).write_bytes(data)
    said = pack(packer, folder, capsys, ends=1)
    assert says in said
    assert said.count("✗") == 2  # at the file, and in the last line
    assert f"is packed: {5 - (data is None)} files" in said


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (b"net = tensor", "It cannot be imported: NameError: name 'tensor' is not defined."),
        (b"exit()", "It cannot be imported: SystemExit"),
        (b"from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\nprint('noise')", "✓ student_code.py"),
    ],
)
def test_in_a_notebook_the_code_is_imported_too(
    code: bytes, says: str, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "student_code.py").write_bytes(code)
    packer.submit(folder)
    said = capsys.readouterr().out
    assert says in said
    assert "noise" not in said
    assert "is packed: 5 files" in said


def test_own_modules_are_packed_with_the_code_that_imports_them(
    packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {
        "student_code.py": b"import layers, json\nfrom given import plots\nimport public_checks",
        "layers.py": b"import loops",
        "loops.py": b"import layers",
        "public_checks.py": b"",
    }
    write_files(folder, own)
    assert "✓ layers.py, imported by your code" in pack(packer, folder, capsys)
    with zipfile.ZipFile(folder / "hw.zip") as packed:
        assert {*packed.namelist()} == {*GOOD, "layers.py", "loops.py"}


def test_the_receipt_covers_own_modules_and_the_grader_finds_the_same(
    packer: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A submission whose code is in a module has another receipt as soon as the module changes."""
    receipts = set()
    for body in ("# nothing done yet\n", "def net():\n    return 1\n"):
        own = {"student_code.py": "from mine import *\n", "mine.py": "import net.layers", "net/layers.py": body}
        write_files(folder, own | {"diary.py": "import this", "net/notes.txt": body})
        receipts.add(printed := receipt(pack(packer, folder, capsys)))
        assert taken(folder / "hw.zip", tmp_path / "into") == printed
        assert taken(folder, tmp_path / "into") == printed, "the whole folder"
    assert len(receipts) == 2


# ---- what grades the code: given/grader.json


def told(folder: Path, python: str = HERE, modules: str = '{"torch": "0.1", "numpy": "2.0"}') -> None:
    (folder / "given" / "grader.json").write_text(f'{{"schema": 1, "python": "{python}", "modules": {modules}}}')


@pytest.mark.parametrize("module", ["msgspec", "torhc", "msgspec.json"])
def test_a_module_that_the_grader_has_not_is_a_problem_even_if_it_is_here(
    module: str, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(folder)
    write_files(folder, {"student_code.py": "import mine, json, torch", "mine.py": f"import {module} as m"})
    said = pack(packer, folder, capsys, ends=1)
    assert f"It imports {module.partition('.')[0]}, which is not installed where it is graded." in said
    assert "Installed are torch, numpy; see given/grader.json." in said
    assert said.count("✗") == 2
    assert "✗ mine.py, imported by your code" in said
    assert "hw.zip is packed: 6 files" in said


@pytest.mark.parametrize(
    ("code", "remark"),
    [
        ("try:\n    import msgspec\nexcept ImportError:\n    msgspec = None", False),
        ("if __name__ == '__main__':\n    import msgspec", False),
        ("def show():\n    import msgspec", True),
        ("def show():\n    try:\n        import msgspec\n    except ImportError: pass", False),
        ("class A:\n    def show(self):\n        from msgspec import json", True),
    ],
)
def test_a_module_that_may_not_be_needed_is_no_problem(
    code: str, remark: bool, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(folder)
    (folder / "student_code.py").write_text(code)
    said = pack(packer, folder, capsys)
    assert ("(Remark) A function imports msgspec" in said) == remark


@pytest.mark.parametrize(("python", "problem"), [("3.9", True), (HERE, False), ("3.99", False)])
def test_syntax_that_the_python_of_the_grader_cannot_read_is_a_problem(
    python: str, problem: bool, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(folder, python)
    (folder / "student_code.py").write_text("x = 1\nmatch x:\n    case 1: pass\n")
    said = pack(packer, folder, capsys, ends=int(problem))
    assert ("The code that ends in line 3 needs a newer Python than 3.9, which grades it" in said) == problem


def runs(python: str) -> bool:
    """Return True if there is such an interpreter, and it runs."""
    with contextlib.suppress(OSError):
        return subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0
    return False


NEWER = {  # code → line that Python 3.11 cannot read, 0 if it can read all of it
    'def f(d):\n    return f"{d["a"]}"': 2,
    "x = f'{\"\\n\".join(a)}'": 1,
    'x = f"{f"{1}"}"': 1,
    "f'{f\"{d['a']}\"}'": 1,
    "x = f'{\n1}'": 1,
    'f"""{1 # one\n}"""': 1,
    "type X = int": 1,
    "\ndef f[T](x): pass": 2,
    "class A[T]: pass": 1,
    "f'{d[\"a\"]:>{n}}' f\"{'x'}\\n\"": 0,
    'f"""{d["a"]} {d[\'b\']}\n{\n1}"""': 0,
    "f'{{}} \\\\ {1}' + rf'\\d{1}'": 0,
    "f'{f\"{1}\"}' '\\n'": 0,
}


@pytest.mark.parametrize("python", ["python3.12", "python3.13", "python3.14"])
def test_syntax_of_python_3_12_is_found_by_a_newer_python(python: str, folder: Path) -> None:
    if not runs(python):
        pytest.skip(f"there is no {python}")
    told(folder, "3.11")
    script = "import json, sys; from given.environment import newer_syntax; codes = json.load(sys.stdin); "
    script += "print(json.dumps([newer_syntax(code.encode()) for code in codes]))"
    done = subprocess.run(
        [python, "-c", script], cwd=folder, input=json.dumps([*NEWER]), capture_output=True, text=True, check=True
    )
    found = dict(zip(NEWER, json.loads(done.stdout), strict=True))
    assert {code: int(said.split()[6]) if said else 0 for code, said in found.items()} == NEWER


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python accepts all of it")
@pytest.mark.parametrize(("code", "line"), NEWER.items())
def test_python_3_11_cannot_read_what_is_called_newer(code: str, line: int) -> None:
    with pytest.raises(SyntaxError) if line else contextlib.nullcontext():
        ast.parse(code)


@pytest.mark.parametrize(
    ("python", "modules", "note"),
    [
        (HERE, "{}", ""),
        ("3.99", "{}", f"Here runs Python {HERE}; your code is graded with Python 3.99 (given/grader.json)."),
        (HERE, '{"torch": "0.1"}', "your code is graded with torch 0.1 (given/grader.json)."),
    ],
)
def test_another_version_alone_is_a_remark_and_no_alarm(
    python: str, modules: str, note: str, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(folder, python, modules)
    said = pack(packer, folder, capsys)
    assert note in said
    assert ("given/grader.json" in said) == bool(note)


# ---- encodings

DECLARED = b"# -*- coding: latin-1 -*-\n# \xf6\xe4\ndef net():\n    return 1\n"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (DECLARED, ""),
        (b"\xef\xbb\xbf# \xc3\xb6\nx = 1\n", ""),
        (b"# -*- coding: cp1252 -*-\nx = '\x80'\n", ""),
        (b"# \xf6\xe4\nx = 1\n", "UTF-8"),
        (b"x = 1\n\n\ny = '\xf6'\n", "Line 4 is not UTF-8, which Python expects: save the file"),
        (b"# coding: no-such\nx = 1\n", "Its encoding is not what Python expects"),
        ("x = 1\n".encode("utf-16"), "save the file with the encoding UTF-8"),
    ],
)
def test_code_in_any_encoding_is_packed(
    code: bytes, problem: str, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "student_code.py").write_bytes(code)
    said = pack(packer, folder, capsys, ends=int(bool(problem)))
    assert problem in said
    with zipfile.ZipFile(folder / "hw.zip") as packed:
        assert packed.read("student_code.py") == code


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_json_with_a_byte_order_mark_is_json(
    encoding: str, packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "history.json").write_bytes('{"a": [1]}'.encode(encoding))
    assert "✗" not in pack(packer, folder, capsys)


def test_a_program_with_arguments_is_imported_without_those_of_the_kernel(
    packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["ipykernel_launcher.py", "-f", "kernel.json"])
    (folder / "student_code.py").write_text("import argparse\nargparse.ArgumentParser().parse_args()\n")
    packer.submit(folder)
    assert "✓ student_code.py" in capsys.readouterr().out
    assert sys.argv[1] == "-f"


def test_too_much_is_not_packed(packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "net.safetensors").write_bytes(save({"w": torch.ones(2**18)}))
    said = pack(packer, folder, capsys, ends=1)
    assert "Nothing was packed: there are 1.0 MiB in 5 files; the maximum is 1 MiB in 200 files." in said
    assert not (folder / "hw.zip").exists()


def test_in_the_wrong_folder_nothing_is_packed(
    packer: ModuleType, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert "so there is nothing to pack" in pack(packer, tmp_path / "empty", capsys, ends=1)
    (folder / "given" / "submission.json").unlink()
    assert "Is this the folder of the assignment" in pack(packer, folder, capsys, ends=1)
    assert not list(tmp_path.rglob("*.zip"))


def test_a_disk_that_takes_nothing_is_a_sentence_and_an_older_zip_stays(
    packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(packer, folder, capsys)
    before = (folder / "hw.zip").read_bytes()
    (folder / ".hw.zip.part").mkdir()
    (folder / "history.json").write_bytes(b"[2]")
    assert "Nothing was packed." in pack(packer, folder, capsys, ends=1)
    assert (folder / "hw.zip").read_bytes() == before


def test_it_needs_nothing_but_the_standard_library() -> None:
    trees = [ast.parse((REPOSITORY.given / name).read_bytes()) for name in GIVEN_FILES]
    imports = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {(getattr(node, "module", None) or node.names[0].name).partition(".")[0] for node in imports}
    assert names <= {*sys.stdlib_module_names, "environment"}


def test_the_command_does_the_same(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(main, ["submit", "--folder", str(folder)])
    assert done.exit_code == 0, done.output
    assert "hw.zip is packed" in capfd.readouterr().out
    elsewhere = CliRunner().invoke(main, ["submit", "--folder", str(folder / "given")])
    assert elsewhere.exit_code == 1
    assert "given/submission.json is not in" in elsewhere.output


def test_cells_run_after_the_last_save_are_noticed(folder: Path) -> None:
    """In a kernel, where the notebook on disk knows of its first cell only, and then of all."""
    cells = [
        nbformat.v4.new_code_cell(source) for source in ("1 + 1", "2 + 2", "from given.submit import submit; submit()")
    ]
    said = _ran(folder, cells)
    assert "You ran cells after you last saved it" in said
    cells[1].execution_count = 2
    (folder / "hw.ipynb").write_bytes(notebook({**cells[1], "outputs": []}))
    assert "You ran cells" not in _ran(folder, cells)


def _ran(folder: Path, cells: list[Any]) -> str:
    book = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(book, timeout=60, resources={"metadata": {"path": str(folder)}}).execute()
    return "".join(output.text for output in book.cells[-1].outputs)


def test_a_missing_file_that_is_there_under_another_name_is_named(
    packer: ModuleType, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "student_code.py").rename(folder / "Student_Code (1).py")
    (folder / "._student_code.py").write_text("")
    said = pack(packer, folder, capsys, 1)
    assert "✗ student_code.py is missing: your code.\n    Student_Code (1).py is here: rename it.\n" in said
