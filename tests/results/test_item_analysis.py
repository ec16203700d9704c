"""Difficulty, discrimination and Cronbach's α."""

import numpy as np
import pytest

from gradeprop.core.models import CheckResult, GradeRecord, QuestionScore
from gradeprop.results.item_analysis import analyze_items


def record(number: int, points: list[float]) -> GradeRecord:
    results = tuple(
        CheckResult(check=f"c{i}", question="q", line=f"Check {i}.", verdict="passed", points=each, possible=2)
        for i, each in enumerate(points)
    )
    score = QuestionScore(name="q", title="Q", points=sum(points), possible=2 * len(points))
    return GradeRecord(
        gradeprop="0", assignment="a", student=f"s{number}", key=f"s{number}", status="graded", points=sum(points),
        possible=2 * len(points), questions=(score,), results=results,
    )  # fmt: skip


def test_a_check_that_agrees_with_the_others_discriminates() -> None:
    strong, weak = [2.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 2.0]
    analysis = analyze_items([record(number, strong if number < 8 else weak) for number in range(12)])
    by_check = {item.check: item for item in analysis.items}
    assert by_check["c0"].mean == pytest.approx(8 / 12)
    assert by_check["c0"].discrimination == pytest.approx(1)
    assert by_check["c3"].discrimination == pytest.approx(-1)
    assert analysis.items[0].check == "c3", "the hardest first"


def test_alpha_is_that_of_the_formula() -> None:
    points = np.random.default_rng(3).integers(0, 3, (30, 5)).astype(float)
    points += points[:, :1]
    analysis = analyze_items([record(number, list(row)) for number, row in enumerate(points)])
    covariance = np.cov(points.T)
    between = covariance.sum() - np.trace(covariance)
    assert analysis.alpha == pytest.approx(5 / 4 * between / covariance.sum())


def test_a_small_class_and_equal_points_have_no_correlation() -> None:
    assert analyze_items([]).items == []
    few = analyze_items([record(number, [2.0, 0.0]) for number in range(5)])
    assert few.alpha is None
    assert few.items[0].discrimination is None
    same = analyze_items([record(number, [2.0, 0.0]) for number in range(15)])
    assert same.items[0].discrimination is None
    assert same.alpha is None


def test_a_record_of_other_checks_is_left_out() -> None:
    records = [record(number, [2.0, 0.0]) for number in range(4)]
    assert analyze_items([*records, record(5, [2.0, 0.0, 2.0])]).students == 1
