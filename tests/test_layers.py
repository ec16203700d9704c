"""The subpackages import in one direction, as LAYERS says; docs/developer.md draws the same table."""

import ast
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.layers import LAYERS, PAGE, drawing

PACKAGE = REPOSITORY.root / "gradeprop"
MODULES = [file for file in sorted(PACKAGE.rglob("*.py")) if "templates" not in file.parts]


def imported(file: Path) -> set[str]:
    """The subpackages that a module imports, anywhere in it."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        found |= {name.split(".")[1] for name in names if name.startswith("gradeprop.")}
    return found & LAYERS.keys()


@pytest.mark.parametrize("layer", LAYERS)
def test_a_subpackage_imports_only_what_the_table_allows(layer: str) -> None:
    for file in (file for file in MODULES if file.relative_to(PACKAGE).parts[0] == layer):
        assert imported(file) <= {layer, *LAYERS[layer]}, f"{file} imports {imported(file) - {layer, *LAYERS[layer]}}"


def test_every_module_is_in_a_subpackage_and_the_table_has_no_cycle() -> None:
    assert {file.parent.relative_to(PACKAGE).parts[0] for file in MODULES if file.parent != PACKAGE} == LAYERS.keys()
    assert all(below in list(LAYERS)[:number] for number, layer in enumerate(LAYERS) for below in LAYERS[layer])


def test_the_judge_and_the_jail_never_meet() -> None:
    assert "jail" not in LAYERS["judge"]
    assert "judge" not in LAYERS["jail"]


def test_the_developers_page_draws_the_table() -> None:
    assert drawing() in PAGE.read_text()
