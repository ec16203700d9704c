"""Solved functions of an earlier assignment that later ones use, as a module to hand out after its deadline."""

import ast
from collections.abc import Iterator

from gradeprop.core.assignment import Assignment
from gradeprop.core.errors import CourseError
from gradeprop.core.paths import SHARED, AssignmentPaths, CoursePaths
from gradeprop.course.config import read_assignment, read_course
from gradeprop.course.solutions import without_markers

_HEADING = '''"""Solutions of {earlier} that this assignment uses, handed out after its deadline.

In the notebook or a shell, one of these copies them to where your student_code.py is still a stub:

    bring_forward("{module}.py")
    python -m given.bring_forward {module}.py

Or import them in student_code.py: ``from {module} import {name}``. Then your submission includes this file.
"""
'''


def shared_solutions(assignment: Assignment, course: CoursePaths, earlier: str) -> dict[str, bytes]:
    """Build <earlier>_shared.py, a module of its own, so that a submission that imports it includes it.

    Raises:
        CourseError: the other assignment is not an earlier one or shares nothing, or a shared function is missing or
            uses one that is not shared.
    """
    paths = course.assignment(earlier)
    names = read_course(course).assignments
    if earlier not in names[: names.index(assignment.name)]:
        message = f"solutions can only be handed out of an assignment before {assignment.name}, and not of {earlier!r}"
        raise CourseError(message, course.course_toml)
    shared = read_assignment(course, earlier).shared
    if not shared:
        raise CourseError("lists no functions as shared, so there is nothing to hand out", paths.toml)
    module = f"{earlier}{SHARED}"
    text = without_markers(course.solution.read_text(encoding="utf-8"), course.solution)
    parts = [_HEADING.format(earlier=earlier, module=module, name=shared[0]), *_parts(text, set(shared), paths)]
    return {f"{module}.py": ("\n".join(parts) + "\n").encode()}


def _parts(text: str, shared: set[str], paths: AssignmentPaths) -> Iterator[str]:
    """Yield the imports, constants and functions that the shared functions need, in the order of the solution."""
    tree = ast.parse(text)
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if missing := shared - defined.keys():
        raise CourseError(f"shares {min(missing)}, which is not in the solution", paths.toml)
    used = {name for function in shared for name in _names(defined[function])}
    if helpers := (used & defined.keys()) - shared:
        raise CourseError(f"shares functions that use {min(helpers)}, but not {min(helpers)} itself", paths.toml)
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            node.names = [alias for alias in node.names if (alias.asname or alias.name.partition(".")[0]) in used]
            if node.names:
                yield ast.unparse(node)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            if node.name in shared:
                yield f"\n\n{_source(text, node)}"
        elif isinstance(node, ast.Assign) and used | shared >= set(_names(*node.targets)):
            yield f"\n{_source(text, node)}"


def _names(*nodes: ast.AST) -> Iterator[str]:
    yield from (each.id for node in nodes for each in ast.walk(node) if isinstance(each, ast.Name))


def _source(text: str, node: ast.stmt) -> str:
    return "\n".join(text.split("\n")[node.lineno - 1 : node.end_lineno])
