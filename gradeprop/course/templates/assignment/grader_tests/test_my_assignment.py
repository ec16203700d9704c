"""The hidden checks: plain pytest. A check's docstring is the line that the student reads.

``observed("padding")`` is what ``probe_padding`` saw of the submission, ``expected("padding")`` what it sees of the
reference with the same draws. Each accessor looks at type and length first: junk fails a check, and breaks none.
"""

import pytest


@pytest.mark.points(6, question="size")
def test_padding_is_added_at_both_ends(observed, expected):
    """A padded side has the right size after a convolution."""
    for seen, right in zip(observed("padding").items("cases", 12), expected("padding").items("cases"), strict=True):
        found, size = seen.integer("size after"), right.integer("size after")
        before, kernel, padding = (right.integer(name) for name in ("size", "kernel", "padding"))
        assert found == size, (
            f"{before} pixels with padding {padding} and a kernel of {kernel} gave {found}; it should be {size}: "
            "is the padding added at both ends?"
        )


@pytest.mark.points(4, question="size")
def test_a_stride_leaves_places_out(observed, expected):
    """With stride 2, only every second place counts."""
    for seen, right in zip(observed("stride").items("cases", 12), expected("stride").items("cases"), strict=True):
        found, size = seen.integer("size after"), right.integer("size after")
        assert found == size, (
            f"{right.integer('size')} pixels with a kernel of 3 and stride 2 gave {found}; it should be {size}: "
            "does the last place lie wholly within?"
        )
