"""Which subpackage of gradeprop may import which, and the drawing of it in docs/developer.md.

python -m tests.layers    redraws it
"""

import re

from tests.conftest import REPOSITORY

LAYERS: dict[str, tuple[str, ...]] = {  # from the lowest to the highest
    "guest": (),
    "core": ("guest",),
    "course": ("core",),
    "jail": ("core", "guest"),
    "submissions": ("core", "course"),
    "judge": ("core", "course", "guest"),
    "results": ("core", "course"),
    "grading": ("core", "course", "guest", "jail", "judge", "results", "submissions"),
    "integrations": ("core", "course", "grading", "jail", "results", "submissions"),
    "cli": ("core", "course", "grading", "integrations", "jail", "results", "submissions"),
}
PAGE = REPOSITORY.root / "docs" / "developer.md"
_BEGIN, _END = "<!-- drawn by python -m tests.layers -->\n", "<!-- end -->"


def drawing() -> str:
    """Draw the table: a row for each subpackage, a mark below each one that it may import."""
    names = list(LAYERS)[::-1]
    rows = ["| imports | " + " | ".join(f"`{name}`" for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for name in names:
        marks = ("●" if other in LAYERS[name] else " " for other in names)
        rows.append(f"| **`{name}`** | " + " | ".join(marks) + " |")
    return f"{_BEGIN}\n" + "\n".join(rows) + f"\n\n{_END}"


if __name__ == "__main__":
    text = PAGE.read_text()
    PAGE.write_text(re.sub(f"{re.escape(_BEGIN)}.*?{re.escape(_END)}", lambda _: drawing(), text, flags=re.DOTALL))
