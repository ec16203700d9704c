"""Weights for known answers: trained, untrained, or the reference's converted to a differently structured network.

Run as ``python -m gradeprop.course.reference_weights <source/hw>`` with one of

    train <dataset> <folder>
    untrained <folder>
    convert <folder> [<convert.py>]

in a separate process, since it imports the answer. It relies on two names of source/<hw>/reference.py:

    train(dataset, folder)                              trains the reference solution and saves weights and history
    MODELS = {"lenet5": lambda student: student.LeNet5()}   name of the weights → their network
"""

import importlib
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from gradeprop.course.config import load_module


def convert(network: torch.nn.Module, reference: torch.nn.Module, file: Path) -> None:
    """Rewrite ``file`` with the keys of ``network``: tensors of the same size and kind are matched in order."""
    loaded = load_file(file)
    given = [loaded[key] for key in reference.state_dict()]
    state = network.state_dict()
    for key, old in state.items():
        kind = old.numel(), old.is_floating_point()  # the file may be in half precision
        match = next(i for i, tensor in enumerate(given) if (tensor.numel(), tensor.is_floating_point()) == kind)
        state[key] = given.pop(match).reshape(old.shape)
    save_file(state, file)


def main(source: Path, verb: str, *arguments: str) -> None:
    """Run one of the three verbs."""
    torch.set_num_threads(1)
    sys.path[:0] = [str(source), str(source.parent)]
    if verb != "train":
        sys.path.insert(0, arguments[0])  # the answer's own student_code comes first
    reference = importlib.import_module("reference")
    if verb == "train":
        reference.train(arguments[0], Path(arguments[1]))
        return
    student = importlib.import_module("student_code")
    for name, build in reference.MODELS.items():
        file = Path(arguments[0]) / f"{name}.safetensors"
        if verb == "convert" and len(arguments) > 1:  # the known answer brings its own conversion
            own = load_module(Path(arguments[1]), "own_convert")
            save_file(own.convert(name, load_file(file)), file)
        elif verb == "convert":
            convert(build(student), build(load_module(source.parent / "student_code.py", "solution")), file)
        else:
            torch.manual_seed(0)  # the same submission each time
            save_file(build(student).state_dict(), file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
