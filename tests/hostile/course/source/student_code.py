"""The reference solution. @solution@"""

import torch
from given.helper import KINDS
from torch import nn


def standardise(x):
    """Rows of mean 0 and variance 1, (n, d) → (n, d)."""
    ### BEGIN SOLUTION Task 1: standardise
    return (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True, correction=0)
    ### END SOLUTION


def windows(x, size):
    """All windows of a row, (n,) → (n - size + 1, size)."""
    ### BEGIN SOLUTION Task 2: windows
    return torch.stack([x[i : i + size] for i in range(len(x) - size + 1)])
    ### END SOLUTION


def count_parameters(model):
    """How many numbers a model learns."""
    ### BEGIN SOLUTION Task 3: count
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    ### END SOLUTION


def describe(x):
    """A sentence: "2 x 3 of float32"."""
    ### BEGIN SOLUTION Task 4: describe
    return f"{' x '.join(map(str, x.shape))} of {str(x.dtype).removeprefix('torch.')}"
    ### END SOLUTION


def shuffled(x):
    """The rows in another order."""
    ### BEGIN SOLUTION Task 5: shuffle
    return x[torch.randperm(len(x))]
    ### END SOLUTION


def step(model, x, labels, lr):
    """One step of gradient descent on the cross entropy, in place."""
    ### BEGIN SOLUTION Task 6: one step
    model.zero_grad()
    nn.functional.cross_entropy(model(x), labels).backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= lr * parameter.grad
    ### END SOLUTION


def fit(x, labels):
    """A linear network trained on x, (n, 8) and its labels, 0 … 2."""
    ### BEGIN SOLUTION Task 7: fit
    model = nn.Linear(8, KINDS)
    for _ in range(150):
        step(model, x, labels, 0.5)
    return model
    ### END SOLUTION
