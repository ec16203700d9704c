"""Returns a tensor of a billion elements that takes no memory, lists that hold themselves, and ten thousand lists."""

import torch

# reads "The code returned too much data."
# reads "count should be a whole number, and is a list."


def standardise(x):
    return torch.zeros(1).expand(10**9)


def windows(x, size):
    return torch.zeros(1, 1).as_strided((10**6, 10**6), (0, 0))


def describe(x):
    return "x" * (4 << 20)


def count_parameters(model):
    deep = []
    deep.append(deep)
    return deep


def shuffled(x):
    return {str(number): [number] for number in range(10**4)}
