import pytest
import torch
from torch.nn import functional as f

from gradeprop.check import assert_close


@pytest.mark.points(1, question="lenet")
def test_one_logit_for_each_class(observed):
    """LeNet5 gives ten logits for each image."""
    observed("logits").tensor("logits", (2, 10))


@pytest.mark.points(1, question="lenet")
def test_as_many_classes_as_asked_for(observed):
    """LeNet5(num_classes=7) gives seven."""
    observed("classes").tensor("logits", (2, 7))


@pytest.mark.points(1, question="lenet")
def test_computes_what_the_paper_draws(observed):
    """LeNet5 gives the paper's output for the same weights."""
    seen = observed("paper")
    w1, b1, w2, b2, w3, b3, w4, b4, w5, b5 = seen.tensors("state").values()
    x = f.max_pool2d(f.conv2d(seen.tensor("x", (2, 1, 32, 32)), w1, b1).relu(), 2)
    x = f.conv2d(f.max_pool2d(f.conv2d(x, w2, b2).relu(), 2), w3, b3).relu().flatten(1)
    assert_close(
        seen.tensor("logits", (2, 10)),
        f.linear(f.linear(x, w4, b4).relu(), w5, b5),
        what="the logits",
    )


@pytest.mark.points(1, question="lenet")
def test_an_image_alone_gets_what_it_gets_in_a_batch(observed):
    """An image's logits do not depend on the others."""
    seen = observed("alone")
    assert_close(seen.tensor("alone", (2, 10)), seen.tensor("batch", (2, 10)), what="the logits of each image alone")


@pytest.mark.points(1, question="lenet")
def test_every_parameter_gets_a_gradient(observed):
    """Each parameter takes part."""
    norms = observed("gradients").numbers("norms")
    assert norms, "there are no parameters"
    assert all(norms), f"{norms.count(0.0)} of {len(norms)} parameters get no gradient: are all layers in forward?"


@pytest.mark.points(1, question="count")
def test_counts_parameters_in_millions(observed):
    """A linear layer's weights and biases are counted."""
    seen = observed("count")
    inputs, outputs = seen.numbers("sizes", 2)
    expected = (inputs * outputs + outputs) / 1e6
    assert abs(seen.number("millions") - expected) < 1e-12, f"{seen.number('millions')} should be {expected}"


@pytest.mark.points(1, question="loops")
def test_training_moves_the_weights(observed):
    """One batch moves every weight."""
    assert all(observed("train").numbers("moved", 2)), "some weights stay as they were: is there a step?"


@pytest.mark.points(1, question="loops")
def test_accuracy_is_the_fraction_of_right_images(observed):
    """The accuracy of a fixed model is right."""
    seen = observed("test")
    labels = seen.tensor("labels", (8,), torch.int64)
    right = float((seen.tensor("logits", (8, 3)).argmax(1) == labels).float().mean())
    assert abs(seen.number("accuracy") - right) < 1e-6, f"{seen.number('accuracy')} should be {right}"
