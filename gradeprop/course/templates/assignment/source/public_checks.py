"""The checks of this assignment that you can run yourself: ``check("size")`` in the notebook."""

import pytest

import student_code


@pytest.mark.question("size")
def test_a_kernel_of_five_takes_four_pixels():
    """A 5×5 convolution without padding turns 32 pixels into 28."""
    found = student_code.my_assignment_size(32, 5)
    assert found == 28, f"32 pixels became {found}; a kernel of 5 fits at 28 places."
    assert isinstance(found, int), f"The size is {found}; expected an int. Which division keeps whole numbers?"


@pytest.mark.question("size")
def test_padding_keeps_the_size():
    """A 3×3 convolution with padding 1 keeps the size."""
    found = student_code.my_assignment_size(28, 3, padding=1)
    assert found == 28, f"28 pixels became {found}: is the padding added at both ends?"
