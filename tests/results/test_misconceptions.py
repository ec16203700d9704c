"""Messages of students are matched with those of labelled wrong answers."""

from gradeprop.core.models import CheckResult, GradeRecord
from gradeprop.course.known_answers import KnownAnswer
from gradeprop.results.misconceptions import find_misconceptions

ANSWERS = [
    KnownAnswer(name="reference", points=4),
    KnownAnswer(name="wrong/average_pooling", points=2, message="takes the average", lost={"lenet": 2}),
    KnownAnswer(name="wrong/average_and_softmax", points=2, message="takes the average. A softmax", lost={"lenet": 2}),
    KnownAnswer(name="wrong/no_message", points=2),
]


def record(student: str, message: str, question: str = "lenet", points: float = 0) -> GradeRecord:
    result = CheckResult(
        check="c", question=question, line="It computes.", verdict="failed", points=points, possible=2, message=message
    )
    return GradeRecord(
        gradeprop="0", assignment="a", student=student, key=student, status="graded", points=points, possible=2,
        questions=(), results=(result,),
    )  # fmt: skip


def test_the_most_specific_message_names_it() -> None:
    found = find_misconceptions(
        [
            record("ada", "The pooling takes the average."),
            record("bob", "The pooling takes the average."),
            record("eve", "The pooling takes the average. A softmax follows."),
        ],
        ANSWERS,
    )
    assert [(each.name, [one.student for one in each.students]) for each in found] == [
        ("average pooling", ["ada", "bob"]),
        ("average and softmax", ["eve"]),
    ]


def test_another_question_another_message_and_full_points_are_none() -> None:
    records = [
        record("ada", "The pooling takes the average.", question="mlp"),
        record("bob", "Something else."),
        record("eve", "The pooling takes the average.", points=2),
    ]
    assert find_misconceptions(records, ANSWERS) == []
