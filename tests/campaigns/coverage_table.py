"""Print what the tests cover of each subpackage, and write the table into docs/developer.md.

python -m tests.campaigns.coverage_table    after ``make coverage``, which calls it
"""

import json
import re
import tempfile
from collections import defaultdict
from pathlib import Path

from coverage import Coverage

from tests.conftest import REPOSITORY
from tests.layers import LAYERS

PAGE = REPOSITORY.root / "docs" / "developer.md"
BEGIN, END = "<!-- written by make coverage -->\n", "<!-- end of coverage -->"
ENOUGH = 80
"""In percent; a module below it is named in the table."""


def modules() -> dict[str, tuple[int, int]]:
    """Return, for each module as a path below gradeprop/, its lines of code and how many of them ran."""
    coverage = Coverage()
    coverage.load()
    with tempfile.TemporaryDirectory() as folder:
        coverage.json_report(outfile=f"{folder}/report.json")
        files = json.loads(Path(folder, "report.json").read_bytes())["files"]
    totals = {name.removeprefix("gradeprop/"): file["summary"] for name, file in files.items()}
    return {name: (total["num_statements"], total["covered_lines"]) for name, total in totals.items()}


def table(found: dict[str, tuple[int, int]]) -> str:
    """Draw a row for each subpackage: lines of code, percent that ran, and the modules below ENOUGH."""
    rows = ["| subpackage | lines of code | covered | modules below 80 % |", "|---|---:|---:|---|"]
    packages = defaultdict[str, list[str]](list)
    for name in sorted(found):
        packages[name.partition("/")[0]].append(name)
    for package in [*LAYERS][::-1]:
        total, ran = (sum(found[name][place] for name in packages[package]) for place in (0, 1))
        low = [name for name in packages[package] if 100 * found[name][1] < ENOUGH * found[name][0]]
        named = ", ".join(f"`{name.partition('/')[2]}` {_percent(*found[name])}" for name in low)
        rows.append(f"| `{package}` | {total} | {_percent(total, ran)} | {named} |")
    total, ran = (sum(counts[place] for counts in found.values()) for place in (0, 1))
    return "\n".join([*rows, f"| all | {total} | {_percent(total, ran)} | |"])


def _percent(total: int, ran: int) -> str:
    return f"{100 * ran / max(total, 1):.0f} %"


if __name__ == "__main__":
    drawn = table(modules())
    text = PAGE.read_text()
    PAGE.write_text(
        re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", f"{BEGIN}\n{drawn}\n\n{END}", text, flags=re.DOTALL)
    )
    print(drawn)
