# ---------------------------------------------------------------- my_assignment


def my_assignment_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """How many pixels a side has after a convolution.

    Args:
        size: pixels of the side before it.
        kernel: pixels of the kernel's side, at most ``size + 2 * padding``.
        stride: pixels from one place of the kernel to the next.
        padding: pixels added at each of the two ends.

    Returns:
        An int: the number of places at which the whole kernel is within the padded side.

    Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, relationship 6.
    """
    ### BEGIN SOLUTION Task 0.1: count the places of the kernel
    return (size + 2 * padding - kernel) // stride + 1
    ### END SOLUTION
