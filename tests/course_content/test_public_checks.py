"""The checks students run themselves: what they say of the solution, of mistakes, and of code that does not run."""

import contextlib
import importlib
import itertools
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from gradeprop.course.known_answers import section

SOURCE = Path(__file__).parents[2] / "source"
HOMEWORK = SOURCE / "mnist_lenet"
SOLUTION = (SOURCE / "student_code.py").read_text(encoding="utf-8")

sys.path.insert(0, str(SOURCE))
check = importlib.import_module("given.check")
explain = importlib.import_module("given.explain").explain
first_look = importlib.import_module("given.first_look").first_look
training = importlib.import_module("given.training")
PASSED = importlib.import_module("given.live_output").PASSED

LEFT_OUT = "ALL_TESTS" not in os.environ  # checks of an assignment take seconds

CONV2 = "nn.Conv2d(6, 16, kernel_size=5"
EPOCHS = 'epochs = range(1, len(history["train_loss"]) + 1)'
MISTAKES = [  # a part of the solution, what stands there instead, and the message that names the mistake
    ("shuffle=True", "shuffle=False", "does the training loader shuffle?"),
    ('.split("_")[1]', '[-1:] and "3"', "with the label 3: is it taken from its own name?"),
    ("(kernel[m] * patch).sum() + bias[m]", "(kernel[m] * patch).sum()", "is the bias added?"),
    (
        CONV2,
        f"{CONV2}, padding=2",
        "conv2's output is [7, 16, 14, 14]; the course asks for [7, 16, 10, 10]: is there padding",
    ),
    ("x = torch.relu(self.hidden", "x = (self.hidden", "No non-linearity follows hidden layer 1"),
    ("if p.requires_grad) / 1e6", "if p.requires_grad) / 1", "55 was returned: give millions, 0.000055."),
    ("        optimizer.zero_grad()\n", "", "is optimizer.zero_grad() called?"),
    ("model.train()", "pass", "is model.train() called?"),
    ("model.eval()", "pass", "is model.eval() called?"),
    ("correct / seen", "100 * correct / seen", "85.71 was returned: give a fraction in [0, 1], not percent."),
    (EPOCHS, 'epochs = range(len(history["train_loss"]))', "The curves start at epoch 0"),
    (".clone()\n", " * 2\n", "keep within [0, 1]."),
    ("torch.optim.AdamW(model.", "torch.optim.AdamW(model[0].", "was it made with this model's parameters?"),
]
MORE = [  # assignment, question, and as above
    (
        "mnist_lenet",
        "lenet",
        "relu(self.conv1(x)))",
        "tensor(1.0) * self.conv1(x))",
        "no ReLU after the first convolution",
    ),
    ("mnist_lenet", "lenet", "nn.MaxPool2d(2)\n        ###", "nn.AvgPool2d(2)\n        ###", "takes the average"),
    (
        "mnist_lenet",
        "train",
        "criterion(logits, labels)\n        loss",
        "criterion(logits.softmax(1), labels)\n        loss",
        "hand it the logits",
    ),
    (
        "mnist_lenet",
        "train",
        'tqdm(train_loader, desc=f"epoch {epoch}", leave=False)',
        "train_loader",
        "is there a bar?",
    ),
    (
        "mnist_lenet",
        "test",
        "return total_loss / len(test_loader)",
        "return round(total_loss / len(test_loader), 2)",
        "do not round it",
    ),
    ("mnist_lenet", "curves", "    figure.suptitle(title)\n", "", "The title, here LeNet-5, is not in the figure."),
    ("mnist_lenet", "regularise", "return padded[:, 2 + up", "return padded.flip(-1)[:, 2 + up", "the mirror image"),
    ("mnist_regularization", "small_lenet", "nn.MaxPool2d(2)", "nn.AvgPool2d(2)", "takes the average"),
    ("mnist_regularization", "affine", "uniform_(-15, 15).deg2rad()", "uniform_(-15, 15)", "mind degrees and radians"),
    ("mnist_pooling", "networks", '"max": nn.MaxPool2d(2)', '"max": nn.AvgPool2d(2)', "takes the average"),
    ("mnist_pooling", "steps", "            model.train()  # measuring", "            # measuring", "in these modes"),
    (
        "mnist_pooling",
        "steps",
        "    batches = iter(train_loader)\n    seconds",
        "    batches = iter(list(train_loader) * 99)\n    seconds",
        "three new batches each used the batches [1, 2, 3], not",
    ),
]
TINY = """
import pytest, student_code

@pytest.mark.question("count")
def test_counting():
    '''A layer from 10 to 5 has 55 parameters.'''
    assert student_code.count() == 55, "Is a bias forgotten?"
"""


@pytest.fixture(scope="module", autouse=True)
def no_process_is_left() -> Iterator[None]:
    yield
    while check._ready:
        check._end(check._ready.pop())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A student's folder, with the solution and no weights."""
    shutil.copy(SOURCE / "student_code.py", tmp_path)
    shutil.copy(HOMEWORK / "public_checks.py", tmp_path)
    return tmp_path


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a single check, which needs no torch and so takes no time."""
    monkeypatch.delitem(sys.modules, "student_code", raising=False)  # another test's
    (tmp_path / "public_checks.py").write_text(TINY)
    return tmp_path


def run(folder: Path, capsys: pytest.CaptureFixture[str], *questions: str) -> tuple[int, str]:
    """The exit status, and what was printed."""
    status = check.main([*questions, "--folder", str(folder)])
    return status, capsys.readouterr().out


def test_the_solution_passes_and_missing_weights_are_named(folder: Path, capsys) -> None:
    status, said = run(folder, capsys)
    failed = [line for line in said.splitlines() if line.startswith("✗")]
    assert (status, len(failed)) == (1, 3)
    for file in ("lenet5.safetensors", "lenet5_regularised.safetensors", "history.json"):
        assert f"There is no {file}" in said
    assert said.count("✓") >= 25
    assert PASSED not in said


def test_every_automatic_question_has_its_checks() -> None:
    questions = re.findall(
        r'name = "(\w+)"\ntitle = .*\npoints = \d+\n(?!manual)', (HOMEWORK / "assignment.toml").read_text()
    )
    checks = (HOMEWORK / "public_checks.py").read_text(encoding="utf-8")
    counts = {question: checks.count(f'@pytest.mark.question("{question}")') for question in questions}
    assert len(counts) == 11
    assert all(2 <= count <= 4 for count in counts.values()), counts


def test_usual_mistakes_are_named(folder: Path, capsys) -> None:
    before, wrong, after = section(SOLUTION, HOMEWORK.name)
    for right, mistake, _ in MISTAKES:
        assert right in wrong, right
        wrong = wrong.replace(right, mistake)
    (folder / "student_code.py").write_text(before + wrong + after, encoding="utf-8")
    status, said = run(folder, capsys)
    assert status == 1
    missed = [message for *_, message in MISTAKES if message not in said]
    assert not missed, said


@pytest.mark.parametrize(("assignment", "question", "right", "mistake", "message"), MORE[:: 4 if LEFT_OUT else 1])
def test_a_mistake_that_leaves_every_shape_right_is_named(
    tmp_path: Path, capsys, assignment: str, question: str, right: str, mistake: str, message: str
) -> None:
    before, own, after = section(SOLUTION, assignment)
    assert own.count(right) == 1, right
    (tmp_path / "student_code.py").write_text(before + own.replace(right, mistake) + after, encoding="utf-8")
    shutil.copy(SOURCE / assignment / "public_checks.py", tmp_path)
    status, said = run(tmp_path, capsys, question)
    assert status == 1
    assert message in said


def test_in_the_course_itself_the_solution_is_found_one_folder_up(capsys) -> None:
    status, said = run(HOMEWORK, capsys, "count")
    assert (status, said.splitlines()[-1]) == (0, "3 public checks passed.")


def test_a_folder_may_have_any_name(tiny: Path, capsys) -> None:
    folder = tiny / "hw [1] $HOME 50%"
    folder.mkdir()
    shutil.copy(tiny / "public_checks.py", folder)
    (folder / "student_code.py").write_text("def count(*_):\n    return 55\n")
    assert "passed" in run(folder, capsys)[1]


def test_a_check_is_one_line_and_what_it_found_another(tiny: Path, capsys) -> None:
    (tiny / "student_code.py").write_text("def count():\n    print('hello')\n    return 50\n")
    status, said = run(tiny, capsys)
    assert status == 1
    assert said.splitlines() == [
        f"Checking {tiny / 'student_code.py'}",
        "✗ A layer from 10 to 5 has 55 parameters.",
        "    Is a bias forgotten?",
        "    your code printed: hello",
        "1 of 1 public checks failed.",
    ]


@pytest.mark.parametrize(("question", "count"), [("accuracy", 1), ("count", 0)])
def test_a_check_of_accuracy_says_which_weights_come_from_the_sample(
    tiny: Path, capsys, question: str, count: int
) -> None:
    (tiny / "student_code.py").write_text("def count():\n    return 55\n")
    checks = (tiny / "public_checks.py").read_text(encoding="utf-8")
    (tiny / "public_checks.py").write_text(checks.replace('question("count")', f'question("{question}")'))
    for dataset in ("sample", "mnist", ""):
        training.save_weights(torch.nn.Linear(1, 1), tiny / f"of_{dataset}.safetensors", dataset)
    status, said = run(tiny, capsys)
    assert (status, said.count("were trained on the sample")) == (0, count)
    assert said.count("of_sample.safetensors: Its weights") == count


def test_what_is_still_to_do_is_said_with_its_line(tiny: Path, capsys) -> None:
    (tiny / "student_code.py").write_text('def count():\n    raise NotImplementedError("Task 4: count")\n')
    assert "    Still to do: Task 4: count (student_code.py, line 2).\n" in run(tiny, capsys)[1]


@pytest.mark.parametrize(
    "assignment",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(LEFT_OUT, reason="make check runs it") if name != HOMEWORK.name else ()
        )
        for name in sorted(path.parent.name for path in SOURCE.glob("*/public_checks.py"))
    ],
)
def test_a_first_look_says_of_each_question_of_the_stub_what_its_checks_say(
    tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch, assignment: str
) -> None:
    shutil.copy(SOURCE.parent / "student_code.py", tmp_path)
    shutil.copy(SOURCE / assignment / "public_checks.py", tmp_path)
    text = (tmp_path / "public_checks.py").read_text(encoding="utf-8")
    questions = dict.fromkeys(re.findall(r'mark.question\("(\w+)"\)', text))
    looks = {question: first_look(tmp_path, [question]).splitlines()[:-1] for question in questions}
    assert sum(not lines for lines in looks.values()) <= 3
    monkeypatch.setattr(check, "first_look", lambda *_: "")
    said = run(tmp_path, capsys)[1].splitlines()
    assert len(said) > len(questions)
    told = set(itertools.pairwise(said))
    for lines in looks.values():
        assert {*zip(lines[::2], lines[1::2], strict=True)} <= told, said


@pytest.mark.parametrize(
    ("code", "question", "sentence"),
    [
        ("def count():\n    return 55\n", "cuont", "✗ There is no check for cuont. There are checks for: count."),
        ("def f(:\n", "count", "✗ Python cannot read student_code.py, line 1, `def f(:`: invalid syntax."),
        ("import torch\ndef count():\n    raise NotImplementedError\n", "count", "    Still to do: count ("),
    ],
)
def test_what_the_text_tells_starts_no_process(
    tiny: Path, capsys, monkeypatch: pytest.MonkeyPatch, code: str, question: str, sentence: str
) -> None:
    (tiny / "student_code.py").write_text(code)
    monkeypatch.setattr(check, "_start", None)
    status, said = run(tiny, capsys, question)
    assert (status, sentence in said) == (1, True), said


@pytest.mark.parametrize(
    "code",
    [
        "def count():\n    print('begun')\n    raise NotImplementedError\n",
        "def count():\n    raise NotImplementedError(f'{1}')\n",
        "from somewhere import count\n",
        "class count:\n    pass\n",
        "if True:\n    def count():\n        return 55\n",
        "def count():\n    raise NotImplementedError\nfrom mine import *\n",
        "def count():\n    raise NotImplementedError\nfrom mine import count\n",
        "def count():\n    raise NotImplementedError\ncount = lambda: 55\n",
        "def count():\n    raise NotImplementedError\nif True:\n    def count():\n        return 55\n",
        "x = " + "+".join(["1"] * 20_000) + "\ndef count():\n    raise NotImplementedError\n",
    ],
)
def test_where_the_text_does_not_tell_the_checks_run(tiny: Path, code: str) -> None:
    (tiny / "student_code.py").write_text(code)
    assert first_look(tiny, ["count"]) == ""
    assert first_look(tiny / "nowhere", ["count"]) == ""


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("x = 1\ndef f(:\n", "✗ Python cannot read student_code.py, line 2, `def f(:`: invalid syntax."),
        ("import nothing_like_it\n", "ModuleNotFoundError: No module named 'nothing_like_it' (student_code.py, line 1"),
        ("x = 1\n\0", "Save it with the encoding UTF-8."),
        ("exit(0)\n", "✗ SystemExit: 0 (student_code.py, line 1: `exit(0)`)"),
        ("import os\nos._exit(0)\n", "✗ The checks ended before they were complete, with exit code 0."),
    ],
)
def test_code_that_cannot_be_imported_is_one_sentence(tiny: Path, capsys, code: str, sentence: str) -> None:
    (tiny / "student_code.py").write_text(code)
    status, said = run(tiny, capsys, "count")
    assert (status, said.count("✗")) == (1, 1)
    assert sentence in said


def test_an_endless_loop_is_stopped(tiny: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "SECONDS", 1)
    (tiny / "student_code.py").write_text("while True:\n    pass\n")
    status, said = run(tiny, capsys)
    assert status == 1
    assert "Stopped after 1 s" in said


def test_an_unknown_question_and_a_wrong_folder_are_said(tiny: Path, capsys) -> None:
    (tiny / "student_code.py").write_text("")
    status, said = run(tiny, capsys, "cuont")
    assert (status, said.splitlines()[1:]) == (1, ["✗ There is no check for cuont. There are checks for: count."])
    assert "public_checks.py is not in" in run(tiny.parent, capsys)[1]


def test_a_file_of_another_name_is_named(tiny: Path) -> None:
    shutil.copytree(SOURCE / "given", tiny / "given")
    (tiny / "student_code (1).py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "given.check"], cwd=tiny, capture_output=True, encoding="utf-8", check=False
    )
    said = f"✗ student_code.py is not in {tiny}. Rename yours; the Python files there are: student_code (1).py.\n"
    assert (done.returncode, done.stdout) == (1, said), done.stderr


def test_notebook_and_check_name_their_file_and_say_if_there_are_two(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Such as with PYTHONPATH at another copy, which wins in a notebook that was started elsewhere."""
    other = tmp_path_factory.mktemp("other") / "student_code.py"
    for file in (tiny / "student_code.py", other):
        file.write_text("def count():\n    return 55\n")
    monkeypatch.chdir(tiny)
    for file in (tiny / "student_code.py", other):
        module = ModuleType("student_code")
        module.__file__ = str(file)
        monkeypatch.setitem(sys.modules, "student_code", module)
        warning = f"Careful: the notebook uses {file}, and check and submit use {tiny / 'student_code.py'}."
        check.imported(module)
        said = capsys.readouterr().out
        assert f"Your code: {file}\n" in said
        assert (warning in said) == (file == other)
        status, said = run(tiny, capsys)
        assert status == 0
        assert said.startswith(f"Checking {tiny / 'student_code.py'}\n")
        assert (warning in said) == (file == other)


def test_checks_that_cannot_be_read_are_shown(tiny: Path, capsys) -> None:
    (tiny / "student_code.py").write_text("")
    (tiny / "public_checks.py").write_text("import nothing_like_it\n")
    status, said = run(tiny, capsys)
    assert status == 1
    assert "No module named 'nothing_like_it'" in said


def test_a_python_that_cannot_even_start_is_told(tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(check, "_ready", [])
    monkeypatch.setenv("PYTHONPATH", str(tiny))
    (tiny / "student_code.py").write_text("")
    (tiny / "sitecustomize.py").write_text("raise SystemExit('no Python today')")
    status, said = run(tiny, capsys)
    assert (status, said.count("✗")) == (1, 1)
    assert "no Python today" in said


def ends(pid: int) -> None:
    """Wait until a process has ended, whether or not anybody has asked for it."""
    late = time.monotonic() + 20
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        while (now := Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]) != "Z":
            assert time.monotonic() < late, now
            time.sleep(0.1)


@pytest.fixture(params=[True, False], ids=["forks", "is ordered once"])
def nothing_ready(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[list]:
    """The processes that stand ready, none at first; what they import takes no time. On Linux, and elsewhere."""
    monkeypatch.setattr(check, "FORKS", request.param and sys.platform == "linux")
    monkeypatch.setattr(check, "SLOW", ("json",))
    monkeypatch.setattr(check, "_ready", [])
    yield check._ready
    for process in check._ready:
        process.communicate()  # without an order it ends


@pytest.mark.usefixtures("nothing_ready")
def test_a_notebook_stops_at_the_question_that_needs_work(tiny: Path, capsys) -> None:
    (tiny / "student_code.py").write_text("def count():\n    return 55\n")
    check.check("count", folder=tiny)
    assert capsys.readouterr().out.endswith("1 public check passed.\n")
    (tiny / "student_code.py").write_text("")
    with pytest.raises(check.PublicChecksFailed, match="run this cell again") as caught:
        check.check("count", folder=tiny)
    assert "no attribute 'count'" in capsys.readouterr().out
    assert caught.value._render_traceback_() == [str(caught.value)]


def test_the_process_that_stood_ready_sees_what_was_changed_since(
    tiny: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys, nothing_ready: list
) -> None:
    (tiny / "student_code.py").write_text("def count():\n    return 55\n")
    check.check("count", folder=tiny)
    [ready] = nothing_ready
    another = tmp_path_factory.mktemp("another")
    (another / "public_checks.py").write_text(TINY)
    (another / "student_code.py").write_text("import os\n\ndef count():\n    return int(os.environ['COUNT'])\n")
    monkeypatch.setenv("COUNT", "55")
    check.check("count", folder=another)
    assert capsys.readouterr().out.count("1 public check passed.") == 2
    if check.FORKS:
        assert nothing_ready == [ready]
    else:
        assert (ready.returncode, len(nothing_ready)) == (0, 1)
        assert nothing_ready != [ready]


def test_what_one_check_leaves_behind_another_does_not_meet(tiny: Path, capsys, nothing_ready: list) -> None:
    leaves = "import json\n\ndef count():\n    json.left = getattr(json, 'left', 54) + 1\n    return json.left\n"
    (tiny / "student_code.py").write_text(leaves)
    for _ in range(2):
        check.check("count", folder=tiny)
    assert capsys.readouterr().out.count("1 public check passed.") == 2
    assert len(nothing_ready) == 1


@pytest.mark.wall_clock
def test_an_endless_loop_is_stopped_in_a_notebook_with_all_that_belongs_to_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys, nothing_ready: list
) -> None:
    (tiny / "student_code.py").write_text("def count():\n    return 55\n")
    began = time.monotonic()
    check.check("count", folder=tiny)
    seconds = 1 + math.ceil(3 * (time.monotonic() - began))  # enough to start again and reach the loop
    [ready] = nothing_ready
    monkeypatch.setattr(check, "SECONDS", seconds)
    (tiny / "student_code.py").write_text(
        "import os\nopen('pid', 'w').write(str(os.getpid()))\nwhile True:\n    pass\n"
    )
    with pytest.raises(check.PublicChecksFailed):
        check.check("count", folder=tiny)
    assert f"Stopped after {seconds} s" in capsys.readouterr().out
    assert (ready.returncode, nothing_ready != [ready]) == (-signal.SIGKILL, True)
    ends(int((tiny / "pid").read_text()))


def test_one_that_something_has_ended_is_not_asked(tiny: Path, capsys, nothing_ready: list) -> None:
    (tiny / "student_code.py").write_text("def count():\n    return 55\n")
    check.check("count", folder=tiny)
    nothing_ready[0].terminate()
    nothing_ready[0].wait(20)
    check.check("count", folder=tiny)
    assert capsys.readouterr().out.count("1 public check passed.") == 2


def test_what_stands_ready_ends_with_the_notebook(tiny: Path) -> None:
    (tiny / "student_code.py").write_text("def count():\n    return 55\n")
    notebook = f"from given import check; check.SLOW = (); check.check('count', folder={str(tiny)!r})"
    notebook += "; print(check._ready[0].pid)"
    done = subprocess.run([sys.executable, "-c", notebook], cwd=SOURCE, capture_output=True, text=True, check=True)
    ends(int(done.stdout.split()[-1]))


def test_a_mistake_in_the_students_own_code_is_told_with_its_line(folder: Path) -> None:
    code = compile("assert 1 == 2, 'mine'", str(folder / "student_code.py"), "exec")
    with pytest.raises(AssertionError) as caught:
        exec(code)
    assert explain(caught.value).startswith("AssertionError: mine (student_code.py, line 1")
    assert explain(AssertionError("4 of 5")) == "4 of 5"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nn.Linear(2, 3)(torch.zeros(4, 5))", "A linear layer of 2 inputs got 5 numbers per row"),
        ("nn.Conv2d(3, 6, 5)(torch.zeros(2, 3072))", "A layer for maps takes (n, c, h, w) and got [2, 3072]"),
        ("nn.BatchNorm2d(3)(torch.zeros(2, 3))", "A layer for maps takes (n, c, h, w) and got 2D input"),
        ("nn.BatchNorm1d(3)(torch.zeros(2, 3, 4, 4))", "A layer for rows takes (n, features) and got 4D"),
        ("nn.Conv2d(6, 16, 5)(torch.zeros(2, 3, 9, 9))", "A convolution made for 6 channels got 3"),
        ("nn.BatchNorm2d(64)(torch.zeros(2, 128, 4, 4))", "A BatchNorm made for 64 channels got 128"),
        ("torch.zeros(2, 8) + torch.zeros(2, 16)", "Two tensors that should have one shape differ, 8 against 16"),
        ("nn.Conv2d(1, 1, 5)(torch.zeros(1, 1, 3, 3))", "A map is smaller than the kernel"),
        ("torch.zeros(2, 400).view(2, 401)", "800 numbers cannot take the shape [2, 401]"),
        ("torch.zeros(2).sum().backward()", "No gradient leads from the loss to the weights"),
        ("nn.Linear(2, 3)(torch.zeros(4, 2).double())", "Two types of numbers meet"),
        ("torch.relu(None)", "Something is None that should be a value"),
    ],
)
def test_an_error_of_shapes_is_explained_with_the_line(folder: Path, line: str, sentence: str) -> None:
    (folder / "student_code.py").write_text(f"import torch\nfrom torch import nn\n{line}\n")
    code = compile((folder / "student_code.py").read_text(), str(folder / "student_code.py"), "exec")
    with pytest.raises((RuntimeError, TypeError, ValueError)) as caught:
        exec(code, {})
    told = explain(caught.value)
    assert told.startswith(sentence)
    assert f"(student_code.py, line 3: `{line}`)" in told
    assert f"Python says: {caught.typename}: " in told


def test_a_forgotten_return_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code = "def save(x) -> None:\n    x\n\ndef todo(x) -> int:\n    raise NotImplementedError\n\n"
    code += "def forward(self, x):\n    def inner():\n        return x\n    x + 1\n"
    (tmp_path / "student_code.py").write_text(code)
    told = explain(AttributeError("'NoneType' object has no attribute 'shape'"))
    assert "`forward` (student_code.py, line 7) ends without return." in told
    (tmp_path / "student_code.py").write_text("def forward(self, x):\n    return x\n")
    assert "end without return?" in explain(TypeError("'NoneType' object is not iterable"))


def test_an_error_of_another_kind_stays_as_it_is() -> None:
    assert explain(KeyError("size mismatch")) == "KeyError: 'size mismatch'"
    assert explain(RuntimeError("mine")) == "RuntimeError: mine"
