"""Helpers for checks of networks: what they refuse, they refuse in words."""

import pytest
import torch
from torch import Tensor

from gradeprop.judge.accessors import Seen
from gradeprop.judge.assertions import CheckFailed, is_close, same_values
from gradeprop.judge.networks import (
    activation_misreadings,
    assert_gradients,
    assert_repeatable,
    combined_misreadings,
    ending_misreadings,
    logits_differ,
    missing_hint,
    missing_in_order,
    shape_of,
    sizes_of,
)


def item(**values: object) -> Seen:
    return Seen(values, lambda name: torch.zeros(0))


def test_shapes_and_sizes_of_parameters() -> None:
    parameters = [item(shape=[6, 1, 5, 5]), item(shape=[6]), item(shape=[])]
    assert [shape_of(p) for p in parameters] == [[6, 1, 5, 5], [6], []]
    assert sizes_of(parameters) == [150, 6, 1]
    assert f"{sum(sizes_of([item(shape=[10**30] * 20)])):,.0f}" == "inf", "a forged shape breaks no message"


def test_missing_shapes_are_those_that_do_not_follow_one_another() -> None:
    assert missing_in_order([1, 2, 3], [1, 9, 2, 3]) == []
    assert missing_in_order([1, 2, 3], [2, 1, 3]) == [2]
    assert missing_in_order([1, 1], [1]) == [1]
    assert missing_in_order([1], []) == [1]


def test_parameters_without_a_gradient_are_named() -> None:
    good, still = item(name="fc.weight", gradient=0.5), item(name="fc.bias", gradient=0.0)
    assert_gradients([good])
    with pytest.raises(CheckFailed, match=r"No gradient reaches fc.bias\. Is it used\?"):
        assert_gradients([good, still], "Is it used?")
    with pytest.raises(CheckFailed, match="No gradient reaches any parameter"):
        assert_gradients([])
    with pytest.raises(CheckFailed, match="not a finite number"):
        assert_gradients([item(name="fc.bias", gradient="nan")])


FIRST = torch.arange(20.0).reshape(2, 10)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"first": torch.ones(2, 10)}, "All images get the same logits"),
        ({"again": FIRST + 1}, "The same batch got other logits the second time: why again"),
        ({"alone": FIRST.flip(0)}, "An image got other logits alone than in a batch: why alone"),
        ({"alone": FIRST.reshape(20)}, r"For one image the logits have another shape than \(1, 10\)"),
        ({"alone": torch.tensor(0.5)}, "For one image the logits have another shape"),
        ({"changed": torch.tensor(0.5)}, "The images that went in were changed in place"),
        ({"first": torch.ones(2, 9)}, "first has the shape"),
    ],
)
def test_logits_that_are_not_the_same_every_time_say_which(change: dict[str, Tensor], says: str) -> None:
    values = {"first": FIRST, "again": FIRST, "alone": FIRST, "changed": torch.tensor(0.0)}
    check = {"size": (2, 10), "again": "why again", "alone": "why alone"}

    def seen(tensors: dict[str, Tensor]) -> Seen:
        return Seen({name: {"$tensor": name} for name in tensors}, tensors.__getitem__)

    assert_repeatable(seen(values), **check)
    with pytest.raises(CheckFailed, match=says):
        assert_repeatable(seen(values | change), **check)


def test_equal_logits_are_told_from_different_ones() -> None:
    assert logits_differ(FIRST)
    assert not logits_differ(torch.ones(3, 10))
    assert not logits_differ(torch.full((3, 10), torch.nan))


def test_misreadings_are_named_once_and_have_a_function_for_each_layer() -> None:
    readings = list(activation_misreadings(("the first", "the second", "the third"), 2))
    assert len({text for text, _ in readings}) == len(readings)
    assert all(len(functions) == 3 for _, functions in readings)
    x = torch.tensor([-1.0, 2.0])
    second = dict(readings)["There is no ReLU after the second."]
    assert [function(x).tolist() for function in second] == [[0, 2], [-1, 2], [0, 2]]
    linear = dict(readings)["There is no ReLU between the linear layers."]
    assert [function(x).tolist() for function in linear] == [[0, 2], [0, 2], [-1, 2]]
    endings = [ending(x.unsqueeze(0)) for _, ending in ending_misreadings()]
    assert len(endings) == 9
    assert {y.shape for y in endings} == {(1, 2)}


def test_mistakes_of_different_kinds_are_combined_the_single_ones_first() -> None:
    kinds = {"a": [("one.", 1), ("two.", 2)], "b": [("three.", 3)]}
    assert list(combined_misreadings(**kinds)) == [
        ("one.", {"a": 1}), ("two.", {"a": 2}), ("three.", {"b": 3}),
        ("one. three.", {"a": 1, "b": 3}), ("two. three.", {"a": 2, "b": 3}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("got", "says"),
    [
        ([150, 6, 500, 10], ""),
        ([150, 500], "Does every layer have its bias?"),
        ([150, 6], "Missing: the second layer. Layers in a Python list"),
        ([150, 6, 500, 10, 7], ""),
        ([150, 6, 7], ""),
    ],
)
def test_a_missing_layer_is_told_from_a_missing_bias(got: list[float], says: str) -> None:
    hint = missing_hint(got, [150, 6, 500, 10], {150: "the first layer", 500: "the second layer"})
    assert hint.startswith(says)
    assert bool(hint) == bool(says)


def test_is_close_wants_the_same_shape_and_no_nan() -> None:
    assert is_close(torch.tensor([1000.0]), torch.tensor([1000.9]))
    assert not is_close(torch.tensor([1.0]), torch.tensor([1.002]))
    assert not is_close(torch.ones(2), torch.ones(1, 2))
    assert not is_close(torch.tensor([torch.nan]), torch.tensor([torch.nan]))


def test_same_values_may_be_in_percent() -> None:
    assert same_values([0.5, 0.25], [0.5, 0.25])
    assert same_values([50, 25], [0.5, 0.25])
    assert not same_values([50, 0.25], [0.5, 0.25])
    assert not same_values([0.5], [0.5, 0.25])
