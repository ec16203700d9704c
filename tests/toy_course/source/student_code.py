"""The toy solution."""


def double(x):
    """Twice x."""
    ### BEGIN SOLUTION Task 1: double it
    return 2 * x
    ### END SOLUTION
