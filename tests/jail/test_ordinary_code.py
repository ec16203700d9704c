"""Ordinary code that asks for what the jail does not have: it works all the same, or the student reads why not."""

import pytest

from gradeprop.jail import Jail
from tests.jail.conftest import ask, full, result_of, submit

NO_GPU = "There is no GPU where this is graded. Use the device of the model"


def test_arguments_parsed_at_import_are_those_of_a_script(jail: Jail) -> None:
    code = """
        import argparse, sys
        parser = argparse.ArgumentParser()
        parser.add_argument("--epochs", type=int, default=12)
        args = parser.parse_args()
        def it(draw): return [args.epochs, sys.argv]
    """
    assert ask(jail, code).it == [12, ["student_code.py"]]


@pytest.mark.parametrize("backend", ["TkAgg", "QtAgg", "widget", "notebook", "nbagg", "module://ipympl.backend_nbagg"])
def test_a_figure_is_drawn_whatever_backend_was_asked_for(jail: Jail, backend: str) -> None:
    code = f"""
        import matplotlib
        matplotlib.use({backend!r})
        import matplotlib.pyplot as plt
        plt.switch_backend({backend!r})
        def it(draw):
            figure, axis = plt.subplots()
            axis.plot([1, 2])
            plt.show()
            figure.canvas.draw()
            plt.savefig("figure.png")
            return [plt.get_backend().lower(), open("figure.png", "rb").read(4) == b"\\x89PNG"]
    """
    assert ask(jail, code) == ("ok", "", ["agg", True])


def test_what_is_to_be_compiled_is_called_as_it_is(jail: Jail) -> None:
    code = """
        import torch
        layer = torch.nn.Linear(3, 2)
        @torch.compile
        def twice(x): return 2 * x
        @torch.compile(mode="reduce-overhead", fullgraph=True)
        def thrice(x): return 3 * x
        def it(draw):
            x = torch.ones(1, 3)
            plain, compiled = layer(x), torch.compile(layer)
            compiled.train()
            compiled(x).sum().backward()
            layer.compile()
            same = torch.equal(plain, compiled(x)) and torch.equal(plain, layer(x))
            return [same, twice(x).tolist(), thrice(x).tolist(), sorted(dict(compiled.named_parameters()))]
    """
    expected = [True, [[2.0] * 3], [[3.0] * 3], ["bias", "weight"]]
    result = submit(jail, code, probe_s=10)  # compiling takes longer: it starts a compiler, or looks for one
    assert result_of(result) == ("ok", "", expected)


@pytest.mark.parametrize(
    "call",
    [
        "torch.ones(1).cuda()",
        "torch.ones(1).to('cuda')",
        "torch.ones(1, device='cuda')",
        "torch.ones(1, device='cuda:0')",
        "torch.nn.Linear(1, 1).cuda()",
        "torch.nn.Linear(1, 1).to(torch.device('cuda'))",
        "torch.cuda.get_device_name()",
        "torch.cuda.synchronize()",
        "torch.Generator('cuda')",
    ],
)
def test_without_a_gpu_the_student_reads_that_there_is_none(jail: Jail, call: str) -> None:
    code = f"""
        import torch
        def it(draw): return {call}
    """
    status, message, _ = ask(jail, code)
    assert status == "error"
    assert message.startswith(NO_GPU), message
    assert message.endswith(f"student_code.py, line 3: def it(draw): return {call}")


def test_code_that_asks_for_a_gpu_first_runs_without_one(jail: Jail) -> None:
    code = """
        import torch
        mps = torch.backends.mps.is_available()
        device = torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
        torch.cuda.manual_seed_all(1)
        torch.cuda.empty_cache()
        def it(draw): return [str(torch.ones(1, device=device).device), torch.cuda.device_count()]
    """
    assert ask(jail, code) == ("ok", "", ["cpu", 0])


def test_an_apple_gpu_is_explained(jail: Jail) -> None:
    message = ask(jail, "import torch\ndef it(draw): return torch.ones(1).to('mps')").message
    assert message.startswith("There is no Apple GPU where this is graded."), message


@pytest.mark.parametrize("source", ["", "from IPython import get_ipython\n"])
def test_commands_of_a_notebook_are_explained(jail: Jail, source: str) -> None:
    code = source + "get_ipython().run_line_magic('matplotlib', 'inline')\ndef it(draw): return 1"
    status, message, _ = ask(jail, code)
    assert status == "error"
    expected = "student_code.py could not be imported, so nothing was run: get_ipython() exists in notebooks only:"
    assert message.startswith(expected), message
    assert "run_line_magic" in message


def test_a_script_can_call_the_simplest_programs(jail: Jail) -> None:
    full(jail)
    code = """
        import os, subprocess
        os.system("mkdir -p figures && touch figures/one && cp figures/one figures/two && rm figures/one")
        def it(draw): return [os.listdir("figures"), subprocess.check_output("echo $((1 + 1))", shell=True, text=True)]
    """
    assert ask(jail, code).it == [["two"], "2\n"]
