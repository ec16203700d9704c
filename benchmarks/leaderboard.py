"""The leaderboard of a class: accuracy of everyone's own network against the numbers it saves, from graded records.

    python benchmarks/leaderboard.py miniplaces_lenet

Reads autograded/<assignment>/*/record.json and prints a table, best first. A network stands in it if a check showed it
under the caption "Leaderboard"; one beyond the caps has lost points, and is left out.
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from gradeprop.core import storage
from gradeprop.core.models import GradeRecord, Table
from gradeprop.core.paths import AssignmentPaths, CoursePaths

CAPTION, QUESTION = "Leaderboard", "own"
Row = tuple[str, ...]


def main() -> int:
    """Print the table; 1 if nobody stands in it."""
    parser = argparse.ArgumentParser(description="The leaderboard of a class.")
    parser.add_argument("assignment")
    parser.add_argument("--course", type=Path, default=Path())
    options = parser.parse_args()
    header, rows = leaderboard(graded(CoursePaths.find(options.course).assignment(options.assignment)))
    print("\n".join(" | ".join(row) for row in (header, *rows)) or "There is no network yet.")
    return 0 if rows else 1


def graded(paths: AssignmentPaths) -> list[GradeRecord]:
    """Every record of the class."""
    return [storage.read(GradeRecord, file) for file in sorted(paths.autograded.glob("*/record.json"))]


def leaderboard(found: Iterable[GradeRecord]) -> tuple[Row, list[Row]]:
    """Header and rows: student, then what the check showed, sorted by its last column, best first."""
    header: Row = ()
    rows: list[Row] = []
    for record in found:
        within = all(score.points == score.possible for score in record.questions if score.name == QUESTION)
        for table in (each for result in record.results for each in result.exhibits if isinstance(each, Table)):
            if record.status == "graded" and within and table.caption == CAPTION:
                header = ("student", *table.header)
                rows.append((record.student, *table.rows[0]))
    return header, sorted(rows, key=lambda row: -float(row[-1]))


if __name__ == "__main__":
    sys.exit(main())
