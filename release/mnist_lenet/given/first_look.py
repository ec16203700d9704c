"""What ``check`` can say from the text of the files, in a tenth of a second: importing PyTorch takes seconds.

It answers an unknown question, code that Python cannot read, and tasks that are not begun.
"""

import ast
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from given.explain import explain


def first_look(folder: Path, questions: Sequence[str]) -> str:
    """Return the lines that the checks would print; "" if they must run."""
    own = folder / "student_code.py"
    try:
        checks = _Checks(ast.parse((folder / "public_checks.py").read_bytes()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = ast.parse(own.read_bytes(), str(own))
    except SyntaxError as error:
        return f"✗ {explain(error)}\n" if error.filename == str(own) else ""
    except (OSError, ValueError, RecursionError, MemoryError):  # such as a sum of ten thousand numbers
        return ""
    if unknown := checks.unknown(questions):
        return unknown
    tasks, lines = _tasks(code), []
    for name, question in checks.questions.items():
        if not questions or question in questions:
            used = [tasks[each] for each in checks.uses(name) if each in tasks]
            if not used or not all(used):  # a part is written
                return ""
            lines.append(f"✗ {checks.title(name)}\n    {used[0]}\n")
    return "".join([*lines, f"{len(lines)} of {len(lines)} public checks failed.\n"]) if lines else ""


class _Checks:
    """The text of public_checks.py: its functions, and the question of each check."""

    def __init__(self, tree: ast.Module) -> None:
        self._functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        self.questions: dict[str, str] = {}
        for name, node in self._functions.items():
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.question":
                    self.questions[name] = ast.literal_eval(mark.args[0])

    def unknown(self, questions: Sequence[str]) -> str:
        """Name the questions that have no check, and those that have; "" if all have one."""
        known = ", ".join(dict.fromkeys(self.questions.values()))
        names = ", ".join(question for question in questions if question not in self.questions.values())
        return f"✗ There is no check for {names}. There are checks for: {known}.\n" if names else ""

    def title(self, name: str) -> str:
        """Return the first line of a check's docstring."""
        return (ast.get_docstring(self._functions[name]) or name).splitlines()[0]

    def uses(self, name: str, callers: frozenset[str] = frozenset()) -> list[str]:
        """Return the names of student_code that a check uses, itself or through helpers and fixtures, in order."""
        if name not in self._functions or name in callers:
            return []
        found: list[tuple[tuple[int, int], list[str]]] = []
        nodes = list(ast.walk(self._functions[name]))
        ends = {node.func: node for node in nodes if isinstance(node, ast.Call)}  # a call comes after its arguments
        for node in nodes:
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "student_code":
                names = [node.attr]
            elif isinstance(node, ast.Name | ast.arg):
                names = self.uses(node.id if isinstance(node, ast.Name) else node.arg, callers | {name})
            else:
                continue
            end = ends.get(node, node)
            found.append(((end.end_lineno or 0, end.end_col_offset or 0), names))
        return [each for _, names in sorted(found, key=lambda pair: pair[0]) for each in names]


def _tasks(code: ast.Module) -> dict[str, str]:
    """Return what is still to do in each function, and before each class can be used; "" if nothing.

    A name that is bound again later, by an import at the end of the file for one, is left out.
    """
    tasks: dict[str, str] = {}
    for node in code.body:
        if isinstance(node, ast.FunctionDef):
            tasks[node.name] = _still_to_do(node)
        elif isinstance(node, ast.ClassDef):
            make = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
            tasks[node.name] = _still_to_do(make[0]) if make else ""
        else:
            for name in _bound(node):
                tasks.pop(name, None)
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                tasks.clear()
    return tasks


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement may bind."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name


def _still_to_do(function: ast.FunctionDef) -> str:
    """Return the sentence for a function that does nothing yet, as ``explain`` says it; "" for any other."""
    *before, last = function.body
    plain = all(isinstance(each, ast.Expr) and ast.unparse(each).startswith(('"', "'", "super()")) for each in before)
    if not plain or not isinstance(last, ast.Raise) or last.exc is None:
        return ""
    name, *said = [last.exc.func, *last.exc.args] if isinstance(last.exc, ast.Call) else [last.exc]
    if ast.unparse(name) != "NotImplementedError" or not all(isinstance(each, ast.Constant) for each in said):
        return ""
    what = str(ast.literal_eval(said[0])) if said else function.name
    return f"Still to do: {what} (student_code.py, line {last.lineno})."


def heading(file: Path, imported: str) -> str:
    """Name the file that is checked; warn if a notebook has imported another one."""
    return f"Checking {file}\n{other_copy(imported, file)}"


def other_copy(imported: str, checked: Path) -> str:
    """Warn if a notebook has imported another file than the one that is checked; "" if there is none to check."""
    if not imported or not checked.is_file() or checked.resolve() == Path(imported).resolve():
        return ""
    return (
        f"Careful: the notebook uses {imported}, and check and submit use {checked}. Unset PYTHONPATH, "
        "and restart the kernel.\n"
    )
