"""What checks of networks share."""

import pytest

from gradeprop.check import network_of, parameters_of


@pytest.fixture
def network(observed, expected):
    """Read the network that a probe recorded; it is computed here on the images that were drawn."""
    return lambda probe: network_of(observed(probe), expected(probe).tensor("images"))


@pytest.fixture
def parameters(network, expected):
    """Give name, shape and gradient of each parameter of the network that a probe recorded."""
    return lambda probe: parameters_of(network(probe), expected(probe).tensor("images"))
