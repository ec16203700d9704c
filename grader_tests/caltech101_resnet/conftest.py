"""The residual block of the paper with the weights that the probes drew, and the mistakes that explain a student's.

A mistake that is recognised costs the points of one check, its home; what follows from it costs nothing elsewhere.
"""

import itertools
from collections import Counter

import pytest
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import CheckFailed, drawn_values, fail, is_close, network_of

PERIOD = 9973  # of the values that the probes fill in
NONE = frozenset()


class Weights:
    """The weights that the probes drew: by size, and by the place among those of one size, in the order of use."""

    def __init__(self, seed):
        self.seed, self.counts = seed, Counter()

    def place(self, *kind):
        self.counts[kind] += 1
        return self.counts[kind] - 1

    def convolution(self, x, maps, kernel, stride=1, again=False):
        """Convolve with the next weights, or with the last ones ``again``."""
        size = maps * x.shape[1] * kernel**2
        place = self.counts["weight", size] - 1 if again else self.place("weight", size)
        weight = drawn_values(self.seed + 10 * place, size, PERIOD).reshape(maps, -1, kernel, kernel)
        return F.conv2d(x, weight * (2 * maps / size) ** 0.5, stride=stride, padding=kernel // 2)

    def norm(self, x, train=False, kind="norm", again=False):
        """Normalise with the next BatchNorm of its kind, or with the last one ``again``."""
        size = x.shape[1]
        place = self.counts[kind, size] - 1 if again else self.place(kind, size)
        offset = 10 * place + 500 * (kind == "projected")
        scale, shift, mean, variance = (drawn_values(self.seed + offset + k, size, PERIOD) for k in (1, 2, 3, 4))
        mean, variance = 0.2 * mean, 1 + 0.3 * variance.clamp(-1.5, 1.5)
        return F.batch_norm(x, mean, variance, 1 + 0.3 * scale.clamp(-1.5, 1.5), 0.3 * shift, training=train)


# change → the check that it costs points in, and the sentence; those that need equal shapes are looked for there alone
MISREAD_BLOCKS = {
    "no skip": ("zeros", "The input is not added to what the convolutions give."),
    "product": ("zeros", "The input is multiplied with what the convolutions give; it belongs added."),
    "no last ReLU": ("zeros", "There is no ReLU after the addition."),
    "early ReLU": ("sum", "The ReLU comes before the addition; it belongs after it."),
    "two ReLUs": ("sum", "There is a ReLU before the addition too; only after it there should be one."),
    "no last norm": ("sum", "The second BatchNorm is missing, or its result is thrown away."),
    "bare projection": ("projection", "The projection has no BatchNorm."),
    "always a projection": ("projection", "There is a projection also where the shapes agree."),
    "no inner ReLU": ("order", "There is no ReLU between the two convolutions."),
    "no first norm": ("order", "No BatchNorm follows the first convolution."),
    "first norm thrown away": ("order", "The first BatchNorm is called, and its result thrown away."),
    "late stride": ("order", "The stride is in the second convolution; it belongs in the first."),
    "ReLU on the shortcut": ("order", "There is a ReLU on the shortcut; the input is added as it is."),
    "ReLU before the norm": ("order", "The first ReLU comes before its BatchNorm; it belongs after it."),
    "norm after the addition": ("order", "The second BatchNorm comes after the addition; it belongs before it."),
    "one convolution twice": ("order", "The first convolution is used twice, and the second not where shapes agree."),
    "one norm twice": ("order", "One BatchNorm is used twice; each convolution has its own."),
    "pre-activation": (
        "order",
        "BatchNorm and ReLU come before each convolution (a pre-activation block); here they follow it.",
    ),
}
EQUAL_SHAPES = {"pre-activation", "one convolution twice"}
TWINS = {"same": (8, 1), "halved": (12, 2), "wider": (12, 1)}


def shortcut(x, maps, stride, weights, train, free, changes):
    """The input as it is, a projection, or (free of parameters) every second pixel with empty maps added."""
    if stride == 1 and x.shape[1] == maps and "always a projection" not in changes:
        return x.relu() if "ReLU on the shortcut" in changes else x
    if free:
        return F.pad(x[:, :, ::stride, ::stride], (0, 0, 0, 0, 0, maps - x.shape[1]))
    x = weights.convolution(x, maps, 1, stride)
    x = x if "bare projection" in changes else weights.norm(x, train, "projected")
    return x.relu() if "ReLU on the shortcut" in changes else x


def block(x, maps, stride, weights, train=False, free=False, changes=NONE):
    """A residual block, or a misreading of it."""

    def normed(y, which, again=False):
        if f"no {which} norm" in changes:
            return y
        result = weights.norm(y, train, again=again)
        return y if f"{which} norm thrown away" in changes else result

    if "pre-activation" in changes:
        y = weights.convolution(normed(x, "first").relu(), maps, 3, stride)
        return x + weights.convolution(normed(y, "last").relu(), maps, 3) if y.shape == x.shape else y
    first, second = (1, stride) if "late stride" in changes else (stride, 1)
    y = weights.convolution(x, maps, 3, first)
    y = normed(y.relu(), "first") if "ReLU before the norm" in changes else normed(y, "first")
    y = y if changes & {"no inner ReLU", "ReLU before the norm"} else y.relu()
    y = weights.convolution(y, maps, 3, second, again="one convolution twice" in changes and x.shape == y.shape)
    around = shortcut(x, maps, stride, weights, train, free, changes)
    if "norm after the addition" in changes:
        return normed(around + y, "last").relu()
    y = normed(y, "last", again="one norm twice" in changes)
    y = y.relu() if changes & {"early ReLU", "two ReLUs"} else y
    y = y if "no skip" in changes else around * y if "product" in changes else around + y
    return y if changes & {"no last ReLU", "early ReLU"} else y.relu()


class Blocks:
    """The blocks of a submission beside the paper's."""

    Weights, compute, known = Weights, staticmethod(block), MISREAD_BLOCKS

    def __init__(self, observed, expected):
        self.observed, self.expected = observed, expected

    def mistakes(self):
        """The mistakes that explain what a block computes: none if it is right, None if they are not recognised."""
        seen, failures = {}, []
        for name in TWINS:
            try:
                found = self.observed(f"block_{name}")
                seen[name] = {train: found.tensor(mode) for train, mode in ((False, "eval"), (True, "train"))}
            except CheckFailed as failure:
                failures.append(failure)
        if not seen:
            raise failures[0]
        for number in (0, 1, 2):
            for changes in map(frozenset, itertools.combinations(MISREAD_BLOCKS, number)):
                names = [name for name in seen if name == "same" or not changes & EQUAL_SHAPES]
                if names and any(all(self._same(name, seen[name], changes, free) for name in names) for free in (0, 1)):
                    return changes or frozenset({"shape"} if failures else ())
        return frozenset({"shape"}) if "same" in seen and self._same("same", seen["same"], NONE, False) else None

    def _same(self, name, found, changes, free):
        ours = self.expected(f"block_{name}")
        x, seed = ours.tensor("x"), ours.integer("seed")
        return all(
            is_close(y, block(x, *TWINS[name], Weights(seed), train, free, changes)) for train, y in found.items()
        )

    def charge(self, home):
        """Fail with the mistakes whose home is here; True if there are some, and all of them cost points elsewhere."""
        return charge(self.mistakes(), home, MISREAD_BLOCKS)


def charge(mistakes, home, known):
    """Fail with those of the mistakes whose home is here; True if there are some, and all cost points elsewhere."""
    here = [text for change, (place, text) in known.items() if change in (mistakes or ()) and place == home]
    if here:
        fail(" ".join(here))
    return bool(mistakes)


@pytest.fixture
def network(observed, expected):
    """Read the network that a probe recorded; it is computed here on the pictures that were drawn."""
    return lambda probe: network_of(observed(probe), expected(probe).tensor("images"))


@pytest.fixture
def parameters(network):
    """Give the number of values in each parameter of the network that a probe recorded, by name."""

    def sizes(probe):
        found = network(probe)
        return {name: found.weights[name].numel() for name in found.parameters}

    return sizes


@pytest.fixture
def blocks(observed, expected):
    """The blocks of the submission, and what is wrong with them."""
    return Blocks(observed, expected)


@pytest.fixture(name="charge")
def charge_fixture():
    """Charge a mistake in the one check that is its home."""
    return charge
