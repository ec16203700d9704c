"""The one module that hidden checks import: assertions, and helpers for networks and for trained weights.

docs/reference/checks.md lists the functions, and the fixtures that a check may ask for.
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
    letters,
    same_values,
)
from gradeprop.judge.networks import (
    activation_misreadings,
    assert_gradients,
    assert_repeatable,
    combined_misreadings,
    ending_misreadings,
    identity,
    logits_differ,
    missing_hint,
    missing_in_order,
    network_of,
    parameters_of,
    shape_of,
    sizes_of,
    trace_of,
)
from gradeprop.judge.observed import Observed
from gradeprop.judge.trained_weights import (
    computed,
    grade_accuracy,
    held_out_logits,
    measure_accuracy,
    read_network,
    show_history,
    trained_network,
)

__all__ = [
    "CheckFailed",
    "Observed",
    "Points",
    "Seen",
    "Show",
    "activation_misreadings",
    "assert_close",
    "assert_equal",
    "assert_gradients",
    "assert_repeatable",
    "combined_misreadings",
    "computed",
    "drawn_values",
    "ending_misreadings",
    "fail",
    "grade_accuracy",
    "held_out_logits",
    "identity",
    "is_close",
    "letters",
    "logits_differ",
    "measure_accuracy",
    "missing_hint",
    "missing_in_order",
    "network_of",
    "parameters_of",
    "read_network",
    "same_values",
    "shape_of",
    "show_history",
    "sizes_of",
    "trace_of",
    "trained_network",
]
