"""The one module that hidden checks import: assertions, and helpers for networks and for trained weights.

docs/check-writer.md lists the functions, and the fixtures that a check may ask for.
"""

from gradeprop.guest.draw import values as drawn_values
from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import (
    CheckFailed,
    Points,
    Show,
    assert_close,
    assert_equal,
    fail,
    is_close,
    same_values,
)
from gradeprop.judge.networks import (
    activation_misreadings,
    assert_gradients,
    assert_repeatable,
    ending_misreadings,
    identity,
    logits_differ,
    missing_in_order,
    shape_of,
    sizes_of,
)
from gradeprop.judge.observed import Observed
from gradeprop.judge.trained_weights import as_weights, drawn_after, grade_accuracy, measure_accuracy, show_history

__all__ = [
    "CheckFailed",
    "Observed",
    "Points",
    "Seen",
    "Show",
    "activation_misreadings",
    "as_weights",
    "assert_close",
    "assert_equal",
    "assert_gradients",
    "assert_repeatable",
    "drawn_after",
    "drawn_values",
    "ending_misreadings",
    "fail",
    "grade_accuracy",
    "identity",
    "is_close",
    "logits_differ",
    "measure_accuracy",
    "missing_in_order",
    "same_values",
    "shape_of",
    "show_history",
    "sizes_of",
]
