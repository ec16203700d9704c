"""Explains errors of Python and PyTorch: a sentence that names the likely mistake, and your own line.

``given.check`` prints what ``explain`` returns.
"""

import ast
import re
import traceback
from collections.abc import Iterator
from pathlib import Path

# pattern of an error's text → sentence; {0}, {1}, … are the groups of the pattern
LIKELY = {
    r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)": (
        "A linear layer of {2} inputs got {1} numbers per row: compare its size with what comes out before it, and is "
        "everything but n flattened?"
    ),
    r"size mismatch for ([\w.]+): .*? torch.Size\((.*?)\).*? torch.Size\((.*?)\)": (
        "The saved weights belong to another network: {0} has the shape {1} in the file and {2} in your code. Was the "
        "code changed after training?"
    ),
    r"size mismatch": "Two matrices do not fit together: compare the sizes of the layer with those of what it gets.",
    r"[Ee]xpected (?:3D \(unbatched\) or 4D \(batched\)|4D) input.*?(\[[\d, ]+\]|\d+D input)": (
        "A layer for maps takes (n, c, h, w) and got {0}: was it flattened too early, or a dimension lost?"
    ),
    r"[Ee]xpected 2D or 3D input.*?(\d+D) input": (
        "A layer for rows takes (n, features) and got {0}: flatten the maps before it."
    ),
    r"expected input(\[.*?\]) to have (\d+) channels, but got (\d+) channels": (
        "A convolution made for {1} channels got {2}, in a tensor {0}: compare in_channels with what comes before."
    ),
    r"running_mean should contain (\d+) elements not (\d+)": (
        "A BatchNorm made for {1} channels got {0}: it needs as many as the layer before it gives."
    ),
    r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)": (
        "Two tensors that should have one shape differ, {0} against {1}: print both shapes before this line."
    ),
    r"input batch_size \((\d+)\) to match target batch_size \((\d+)\)": (
        "The loss got {0} rows of logits for {1} labels: n must stay in front when a tensor is flattened."
    ),
    r"shape '(.*?)' is invalid for input of size (\d+)": (
        "{1} numbers cannot take the shape {0}: compute it from x.shape, with n in front."
    ),
    r"Kernel size can't be greater than actual input size|Output size is too small": (
        "A map is smaller than the kernel that it meets: compare padding, strides and pooling with the table."
    ),
    r"does not require grad": (
        "No gradient leads from the loss to the weights: was .detach(), .item() or no_grad() used on the way?"
    ),
    r"floating point type for target|expected scalar type|[Ff]ound dtype \w+ but|(?:target|same) dtype": (
        "Two types of numbers meet: labels are int64, images and weights float32."
    ),
    r"(?:assign|attribute).*before (?:Module\.)?__init__\(\) call|has no attribute '_(?:modules|parameters)'": (
        "super().__init__() must be the first line of __init__."
    ),
    r"NoneType": "Something is None that should be a value: {without_return}",
}


def explain(error: BaseException) -> str:
    """Describe an error in a sentence, with the line of student_code.py that it comes from."""
    if isinstance(error, SyntaxError):
        file = Path(error.filename or "student_code.py").name
        if not error.lineno:  # such as UTF-16, which has null bytes
            return f"Python cannot read {file}: {error.msg}. Save it with the encoding UTF-8."
        return f"Python cannot read {file}, line {error.lineno}, `{(error.text or '').strip()}`: {error.msg}."
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).name == "student_code.py"]
    where = f"student_code.py, line {own[-1].lineno}" if own else ""
    if isinstance(error, NotImplementedError) and own:
        return f"Still to do: {str(error) or own[-1].name} ({where})."
    if isinstance(error, AssertionError) and (not own or own[-1] is not frames[-1]):
        return str(error)
    said = f"{type(error).__name__}: {error}"
    likely, cited = likely_mistake(error), f" ({where}: `{own[-1].line}`)" if own else ""
    return f"{likely}{cited}\n    Python says: {said}" if likely else f"{said}{cited}"


def likely_mistake(error: BaseException) -> str:
    """The sentence for an error of shapes, types or a missing value; "" for others."""
    if not isinstance(error, AttributeError | IndexError | RuntimeError | TypeError | ValueError):
        return ""
    for pattern, sentence in LIKELY.items():
        if found := re.search(pattern, str(error), re.DOTALL):
            return sentence.format(*found.groups(), without_return=_name_without_return(Path("student_code.py")))
    return ""


def _name_without_return(file: Path) -> str:
    """Name the first function that should return something, by its annotation, and has no return."""
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        tree = ast.Module([], [])
    for node in ast.walk(tree):
        annotated = isinstance(node, ast.FunctionDef) and (node.returns or node.name == "forward")
        if annotated and ast.unparse(node.returns or ast.Constant("")) != "None" and not any(_ends(node)):
            return f"`{node.name}` (student_code.py, line {node.lineno}) ends without return."
    return "does a function or a method of yours end without return?"


def _ends(function: ast.AST) -> Iterator[bool]:
    """Yield True for each statement of a function, not of those inside it, that returns a value or raises."""
    for node in ast.iter_child_nodes(function):
        if not isinstance(node, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            yield isinstance(node, ast.Raise | ast.Yield) or (isinstance(node, ast.Return) and node.value is not None)
            yield from _ends(node)
