"""One job: results, seeds, errors of student code, and file names."""

import sys

import pytest

from gradeprop.core.assignment import Limits
from gradeprop.core.errors import CourseError, JailError
from gradeprop.core.observations import probe_seed
from gradeprop.jail import Jail
from gradeprop.jail.job import Job, _parts
from tests.jail.conftest import ONE, ask, result_of, submit


def test_what_honest_code_gives_back_comes_back(jail: Jail) -> None:
    code = "import given.helper, tqdm, PIL, torchvision\ndef it(draw): return [given.helper.X, (2.5, None), {'a': 'é'}]"
    assert ask(jail, code) == ("ok", "", [1, [2.5, None], {"a": "é"}])


def test_a_second_thread_count_computes_the_same(jail: Jail) -> None:
    code = """
        import torch
        def it(draw):
            def sums(n):
                torch.set_num_threads(n)
                g = torch.Generator().manual_seed(1)
                a = torch.randint(-9, 9, (700, 700), generator=g).double()
                return (a @ a).sum().item()
            return sums(1) == sums(2)
    """
    assert ask(jail, code).it is True


def test_a_data_loader_with_workers_works_where_no_process_can_be_started_too(jail: Jail) -> None:
    code = """
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        def it(draw):
            more = {"num_workers": 2, "persistent_workers": True, "prefetch_factor": 3}
            loader = DataLoader(TensorDataset(torch.arange(10)), 4, **more)
            return [int(x.sum()) for (x,) in loader]
    """
    assert ask(jail, code).it == [6, 22, 17]


def test_the_same_seed_draws_the_same(jail: Jail) -> None:
    code = "def it(draw): return [draw.seed, draw.normal(2).tolist(), draw.integers(0, 9, 3).tolist(), id(None) * 0]"
    assert ask(jail, code) == ask(jail, code)


def test_the_seed_of_the_run_does_not_go_in() -> None:
    """The judge draws from it, too: who knows it can prepare an answer for the images of the accuracy checks."""
    run = Job({"student_code.py": b"x = 1"}, {}, ONE.encode(), b"", 8765432109876543210, Limits())
    sent = b"".join(_parts(run, ("it",)))
    assert str(probe_seed(run.seed, "it")).encode() in sent
    assert str(run.seed).encode() not in sent
    assert run.seed.to_bytes(8, "little") not in sent


def test_sys_exit_is_an_error_of_the_code(jail: Jail) -> None:
    assert ask(jail, "import sys\ndef it(draw): sys.exit(0)")[:2] == (
        "error",
        "SystemExit: 0\nstudent_code.py, line 2: def it(draw): sys.exit(0)\n"
        'The code ended itself, by exit() or sys.exit(): keep such calls below if __name__ == "__main__".',
    )


def test_modules_named_like_ours_change_nothing_for_us(jail: Jail) -> None:
    names = ("torch", "json", "safetensors", "numpy", "supervisor", "guest", "framing", "conftest", "sitecustomize")
    files = {f"{name}.py": b"raise RuntimeError('shadowed')" for name in names}
    assert result_of(submit(jail, "def it(draw): return 4", files=files)).it == 4


def test_a_name_that_is_not_there_is_absent(jail: Jail) -> None:
    assert ask(jail, "")[:2] == ("absent", "student_code.py has no it.")


def test_a_syntax_error_names_its_line(jail: Jail) -> None:
    assert ask(jail, "x = 1\ndef it(draw:\n    pass") == (
        "error",
        "student_code.py could not be imported, so nothing was run: SyntaxError: '(' was never closed\n"
        "student_code.py, line 2: def it(draw:\n"
        "This is graded with Python {}.{}.".format(*sys.version_info),
        None,
    )


def test_a_broken_probes_file_is_the_instructors(jail: Jail) -> None:
    with pytest.raises(CourseError, match=r"probes.py: NameError"):
        submit(jail, "", "nonsense\ndef probe_it(student, draw): return {}")
    with pytest.raises(CourseError, match="twice"):
        submit(jail, "", ONE + ONE)


def test_names_that_lead_out_of_the_folder_are_refused(jail: Jail) -> None:
    for name in ("../x.py", "/x.py", "a/../../x.py"):
        with pytest.raises(JailError, match="not a name inside"):
            submit(jail, "", files={name: b""})


def test_a_file_where_the_given_folder_goes_gives_way(jail: Jail) -> None:
    assert result_of(submit(jail, "import given.helper\ndef it(draw): return 1", files={"given": b"mine"})).it == 1
