"""Misconceptions by name: messages that students got, matched with the labelled wrong answers of the assignment."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gradeprop.core.models import CheckResult, GradeRecord
from gradeprop.course.known_answers import KnownAnswer


class Misconception(NamedTuple):
    """A labelled wrong answer, and the students whose checks failed with its message."""

    name: str
    """folder of the wrong answer, as words"""
    message: str
    """the most frequent one"""
    students: list[GradeRecord]


def find_misconceptions(graded: Iterable[GradeRecord], answers: Sequence[KnownAnswer]) -> list[Misconception]:
    """Return the misconceptions of a class, the most frequent first.

    A failed check shows a wrong answer if its message contains that of the answer, and the answer loses points in the
    same question; of several, the one with the longest message is taken.
    """
    wrong = sorted((each for each in answers if each.is_wrong and each.message), key=lambda each: -len(each.message))
    students: dict[str, dict[str, GradeRecord]] = defaultdict(dict)
    messages: dict[str, Counter[str]] = defaultdict(Counter)
    for record in graded:
        for result in record.results:
            if result.points < result.possible and (name := _name(result, wrong)):
                students[name][record.key] = record
                messages[name][result.message] += 1
    found = [
        Misconception(name, messages[name].most_common(1)[0][0], list(records.values()))
        for name, records in students.items()
    ]
    return sorted(found, key=lambda each: (-len(each.students), each.name))


def _name(result: CheckResult, wrong: Iterable[KnownAnswer]) -> str:
    for answer in wrong:
        if answer.message in result.message and (not answer.lost or result.question in answer.lost):
            return answer.name.partition("/")[2].replace("_", " ")
    return ""
