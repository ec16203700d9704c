"""The reference of configuration, made from the records that the files are read into."""

import ast
import inspect
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from gradeprop.core import assignment
from gradeprop.course.config import CourseConfig
from gradeprop.course.known_answers import KnownAnswer
from gradeprop.integrations.push import settings

EXAMPLES = Path(__file__).parent / "examples"
SHARED = {"limits": assignment.Limits, "late": assignment.LatePolicy, "grader": assignment.GraderEnvironment}
"""tables of course.toml that an assignment.toml may have, too"""
TABLES: dict[str, dict[str, type[msgspec.Struct]]] = {
    "source/course.toml": {"": CourseConfig, **SHARED},
    "source/<hw>/assignment.toml": {
        "": assignment.Assignment,
        "questions": assignment.Question,
        "questions.rubric": assignment.RubricLevel,
        "held-out.<data set>": assignment.DatasetRequirements,
        "notebook": assignment.NotebookRun,
        "syllabus": assignment.Syllabus,
    },
    "grader_tests/<hw>/wrong/<mistake>/wrong.toml and right/<variant>/right.toml": {"": KnownAnswer},
    "push.toml": {
        "": settings.PushSettings,
        "lti": settings.LtiSettings,
        "canvas": settings.CanvasSettings,
        "github": settings.GithubSettings,
    },
}
"""file → name of a table → the record that it is read into; "" is what is above the first table"""
NOT_IN_FILES = {assignment.Assignment: {"name", "root"}, KnownAnswer: {"name", "folder"}}
"""fields that the reader adds"""
_FROM_COURSE = "that of course.toml"
VARIABLES = {
    "GRADEPROP_COURSE": "folder of the course, instead of `--course`",
    "GRADEPROP_DATA": "folder of data sets; without it `data/` in the course, then `~/.cache/gradeprop`",
    "GRADEPROP_DATASET": "data set, instead of `--data`; also the default of the notebooks of this course",
    "GRADEPROP_EPOCHS": "epochs that the notebooks of this course train, for a quick run",
    "GRADEPROP_TIER": "isolation tiers to try, in order; without it `full restricted` ([security](../security.md))",
    "XDG_CACHE_HOME": "folder for downloads of data, instead of `~/.cache`",
    "CANVAS_TOKEN": "access token for `push canvas` and `feedback canvas`",
    "STUDENTS_TOKEN": "access token for `feedback github`",
}
_TEXT = {
    "source/course.toml": "An assignment may have `[limits]`, `[late]` and `[grader]` of its own: its keys win.",
    "source/<hw>/assignment.toml": "`[limits]`, `[late]` and `[grader]` are those of `course.toml`, above.",
    "grader_tests/<hw>/wrong/<mistake>/wrong.toml and right/<variant>/right.toml": "A known answer is the reference "
    "submission with a change ([how to write one](../check-writer.md#3-prove-it-ten-minutes)). Files beside the "
    "toml are added to it.",
    "push.toml": "In the folder of the course, without a secret ([use](../lms.md#grades-through-an-api)). A platform "
    "that you do not use may be absent.",
}
_HEAD = """\
# Configuration

<!-- written by make reference-docs -->

A key without a default is required; an unknown key is an error. A test reads the examples, which
have every key.
"""
_EQUIVALENT = """\
## grader_tests/&lt;hw&gt;/equivalent.toml

Changes of the solution that `make mutants` finds, and that are as right as the solution: the line that the change
makes, and the reason.
"""


def page() -> str:
    """Return the page as Markdown."""
    parts = [_HEAD]
    for file, tables in TABLES.items():
        parts += [f"## {file.replace('<', '&lt;').replace('>', '&gt;')}\n", f"{_TEXT[file]}\n"]
        for name, record in tables.items():
            if name:
                brackets = "[[{}]]" if record in (assignment.Question, assignment.RubricLevel) else "[{}]"
                parts.append(f"### `{brackets.format(name)}`\n")
                parts.append(f"{_cell(inspect.getdoc(record) or '')}\n")
            rows = [f"| `{key}` | {kind} | {default} | {text} |" for key, kind, default, text in keys(record)]
            parts.append("\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""]))
        parts += [_block(each) for each in examples(file)]
    parts += [_EQUIVALENT, _block(EXAMPLES / "equivalent.toml"), "## Environment variables\n"]
    rows = [f"| `{name}` | {text} |" for name, text in VARIABLES.items()]
    parts.append("\n".join(["| variable | meaning |", "|---|---|", *rows, ""]))
    parts.append("Others are for [JupyterHub](../operator.md) and for an image of [Gradescope](../gradescope.md).\n")
    return "\n".join(parts)


def examples(file: str) -> list[Path]:
    """Return the example files of a section."""
    return [EXAMPLES / Path(name).name for name in file.split(" and ")]


def keys(record: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, type, default and meaning of each field that a file may have."""
    documents = _documents(record)
    for field in msgspec.inspect.type_info(record).fields:  # type: ignore[attr-defined]
        if field.name not in NOT_IN_FILES.get(record, set()):
            yield field.encode_name, _type(field.type), _default(field, record), _cell(documents.get(field.name, ""))


def _documents(record: type[msgspec.Struct]) -> dict[str, str]:
    """Return the text below each field of a class."""
    (body,) = ast.parse(inspect.getsource(record)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(field.target, ast.Name):
            found[field.target.id] = str(ast.literal_eval(text.value))
    return found


def _default(field: msgspec.inspect.Field, record: type[msgspec.Struct]) -> str:
    if record is assignment.Assignment and field.name in SHARED:
        return _FROM_COURSE
    if record is KnownAnswer and field.name == "points":
        return "see there"
    if field.required:
        return ""
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if isinstance(value, msgspec.Struct) or value is None or value in ("", (), {}):
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(kind: Any) -> str:
    match kind:
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.IntType() | msgspec.inspect.FloatType():
            return ("whole number" if isinstance(kind, msgspec.inspect.IntType) else "number") + _bounds(kind)
        case msgspec.inspect.LiteralType(values=values):
            return " or ".join(f"`{value}`" for value in sorted(values))
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.StructType()):
            return "array of tables"
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.TupleType(item_types=items)):
            return f"array of pairs of {_type(items[0])}s"
        case msgspec.inspect.VarTupleType(item_type=item):
            return f"array of {_type(item)}s"
        case msgspec.inspect.DictType(value_type=msgspec.inspect.StrType() | msgspec.inspect.FloatType() as value):
            return f"table of {_type(value)}s"
        case msgspec.inspect.DictType(value_type=msgspec.inspect.TupleType(item_types=items)):
            return f"table of pairs of {_type(items[0])}s"
        case msgspec.inspect.DictType() | msgspec.inspect.StructType():
            return "table"
        case msgspec.inspect.UnionType(types=types):
            return " or ".join(_type(each) for each in types if not isinstance(each, msgspec.inspect.NoneType))
        case _:
            return "text"


def _bounds(kind: Any) -> str:
    if kind.gt is not None:
        return f" above {kind.gt:g}"
    if kind.ge is not None:
        return f", {kind.ge:g} to {kind.le:g}" if kind.le is not None else f", at least {kind.ge:g}"
    return ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|").replace("<hw>", "&lt;hw&gt;")


def _block(file: Path) -> str:
    return f'```toml title="{file.name}"\n{file.read_text(encoding="utf-8")}```\n'


def tables_in(file: Path) -> dict[str, set[str]]:
    """Return the keys of each table in an example; arrays of tables are one table."""
    found: dict[str, set[str]] = {}

    def visit(table: dict[str, Any], path: str) -> None:
        found.setdefault(path, set()).update(table)
        for key, value in table.items():
            inner = "<data set>" if path == "held-out" else key
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict):
                    visit(each, f"{path}.{inner}".strip("."))

    visit(tomllib.loads(file.read_text(encoding="utf-8")), "")
    return found
