"""The one module that hidden checks import: assertions, and helpers for weights that students trained."""

from gradeprop.course.config import load_module
from gradeprop.judge.assertions import CheckFailed, assert_close, assert_equal, fail
from gradeprop.judge.trained_weights import as_weights, drawn_after, grade_accuracy, show_history

__all__ = [
    "CheckFailed",
    "as_weights",
    "assert_close",
    "assert_equal",
    "drawn_after",
    "fail",
    "grade_accuracy",
    "load_module",
    "show_history",
]
