import pytest

from gradeprop.check import assert_close


@pytest.mark.points(4, question="double")
def test_doubles(observed, show):
    """A number is doubled."""
    seen = observed("double")
    x, twice = seen.tensor("x", (3,)), seen.tensor("twice", (3,))
    rows = [(float(number), float(yours), float(2 * number)) for number, yours in zip(x, twice, strict=True)]
    show.table("Your numbers", ("x", "yours", "expected"), rows)
    assert_close(twice, 2 * x, hint="Is it added to itself?", what="the result")


@pytest.mark.points(2, question="double")
def test_keeps_the_shape(observed):
    """A number stays a number."""
    seen = observed("double")
    assert seen.tensor("twice").shape == seen.tensor("x", (3,)).shape, "the shape has changed"


@pytest.mark.points(4, question="held")
def test_doubles_held_out_numbers(observed, answers, bars, points):
    """Held-out numbers are doubled."""
    guess = observed("held").tensor("guess", (10,))
    right = 100 * float((guess - answers["twice"]).abs().lt(1e-5).float().mean())
    low, full = bars["double"]
    if right < full:
        points.part(2 if right >= low else 0, f"{right:.0f} % are doubled")
