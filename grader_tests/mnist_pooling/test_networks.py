"""The three networks, what they show of themselves, and the accuracy of the submitted weights."""

import itertools

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from gradeprop.check import (
    activation_misreadings,
    assert_gradients,
    assert_repeatable,
    combined_misreadings,
    drawn_values,
    ending_misreadings,
    fail,
    grade_accuracy,
    held_out_logits,
    is_close,
    missing_hint,
    network_of,
    parameters_of,
    shape_of,
    sizes_of,
    trained_network,
)

RELU4 = (torch.relu,) * 4
LAYERS = ("the first convolution", "the second convolution", "the first linear layer", "the second linear layer")
WEIGHTS = dict(zip((150, 2400, 48_000, 10_080, 840), (*LAYERS, "the last linear layer"), strict=True))
WEIGHTS[1_105_920] = LAYERS[2]  # without pooling
COUNTS = {"avg": "61,706", "max": "61,706", "none": "1,119,626"}


def same(x, _=None):
    return x


POOLS = {"avg": F.avg_pool2d, "max": F.max_pool2d, "none": same}


class Reading:
    """One way to read the drawing of the network: the right one, or a misreading."""

    def __init__(self, pools, activations=RELU4, last=same, padding=2, pool_first=False):
        self.pools, self.activations, self.last, self.padding, self.pool_first = (
            pools,
            activations,
            last,
            padding,
            pool_first,
        )

    def first(self, weights, x):
        """The output of the first convolution, and of the first pooling."""
        convolved = F.conv2d(x, weights["conv1.weight"], weights["conv1.bias"], padding=self.padding)
        return convolved, self.pooled(convolved, 0)

    def pooled(self, x, number):
        if self.pool_first:
            return self.activations[number](self.pools[number](x, 2))
        return self.pools[number](self.activations[number](x), 2)

    def logits(self, weights, x):
        _, x = self.first(weights, x)
        x = self.pooled(F.conv2d(x, weights["conv2.weight"], weights["conv2.bias"]), 1).flatten(1)
        x = self.activations[2](F.linear(x, weights["fc1.weight"], weights["fc1.bias"]))
        x = self.activations[3](F.linear(x, weights["fc2.weight"], weights["fc2.bias"]))
        return self.last(F.linear(x, weights["fc3.weight"], weights["fc3.bias"]))


def readings(pooling):
    """Sentence → reading; the right one under an empty sentence, then single mistakes, then two at once."""
    pools = (POOLS[pooling],) * 2
    yield "", Reading(pools)
    found = combined_misreadings(
        pools=other_pools(pooling, pools),
        activations=activation_misreadings(LAYERS, 2),
        last=ending_misreadings(),
        pool_first=[("ReLU comes after the pooling, not before.", True)] if pooling != "none" else [],
    )
    for text, change in found:
        yield text, Reading(**{"pools": pools} | change)


def other_pools(pooling, pools):
    """Sentence → both poolings of the network."""
    for other in ("avg", "max"):
        if other != pooling != "none":
            text = {"avg": "takes the average", "max": "takes the maximum"}[other]
            yield f"The pooling {text}.", (POOLS[other],) * 2
            yield f"The first pooling {text}.", (POOLS[other], pools[1])
            yield f"The second pooling {text}.", (pools[0], POOLS[other])
    if pooling == "max":
        yield "The windows of the pooling are 3×3.", (lambda x, _: F.max_pool2d(x, 3, 2, 1),) * 2


def parameters(probe, observed, expected):
    """The parameters of a network, from its graph."""
    images = expected(probe).tensor("images")
    return parameters_of(network_of(observed(probe), images), images)


@pytest.mark.points(3, question="networks")
def test_the_networks_have_their_parameters(observed, expected, points, show):
    """With either pooling the network has 61,706 parameters, and 1,119,626 without."""
    wrong = []
    for pooling, asked in COUNTS.items():
        found, ours = (parameters(f"network_{pooling}", seen, expected) for seen in (observed, expected))
        got, right = sizes_of(found), sizes_of(ours)
        rows = [(p.text("name"), shape_of(p), f"{size:,.0f}") for p, size in zip(found, got, strict=True)]
        show.table(f'The parameters of your PoolingLeNet("{pooling}")', ("name", "shape", "number"), rows[:30])
        if not got:
            fail("There are no parameters: layers in a Python list are not found; use attributes or nn.ModuleList.")
        if sorted(got) != sorted(right):
            hint = missing_hint(got, right, WEIGHTS) or "Compare the table of your layers."
            wrong.append(f'PoolingLeNet("{pooling}") has {sum(got):,.0f} parameters; {asked} are right. {hint}')
    if wrong:
        points.part(3 - len(wrong), wrong[0])


def check_logits(observed, expected, pooling, reference):
    """The student's logits are those of the reference, or of a misreading that can be named."""
    seen, ours = observed(f"network_{pooling}"), expected(f"network_{pooling}")
    logits, right = seen.tensor("logits", shape=(None, 10)), ours.tensor("logits")
    if logits.shape != right.shape:
        fail(f"{len(right)} images got {len(logits)} rows of logits.")
    if is_close(logits, right):
        return
    present, images = sizes_of(parameters(f"network_{pooling}", observed, expected)), ours.tensor("images")
    weights = weights_of(present, ours, pooling, reference)
    for text, reading in readings(pooling):
        if is_close(logits, reading.logits(weights, images)):
            if not text:
                return
            fail(f'With the same weights, PoolingLeNet("{pooling}") gives other logits than it should. {text}')
    hint = "Compare the order and the shapes of your layers."
    fail(f'With the same weights, PoolingLeNet("{pooling}") gives other logits than it should. {hint}')


def weights_of(present, ours, pooling, reference):
    """The weights as the probe drew them; a bias that the student's network lacks, reported elsewhere, is zero."""
    seed, weights = ours.integer("seed"), {}
    for name, parameter in reference.PoolingLeNet(pooling).named_parameters():
        size = parameter.numel()
        values = drawn_values(seed, size) * size**-0.25
        weights[name] = values.reshape(parameter.shape) * (not name.endswith("bias") or size in present)
    return weights


@pytest.mark.points(2, question="networks")
def test_the_network_with_average_pooling_computes_what_is_drawn(observed, expected, reference):
    """With the same weights, ``PoolingLeNet("avg")`` gives the logits of the network in the docstring."""
    check_logits(observed, expected, "avg", reference)


@pytest.mark.points(2, question="networks")
def test_the_network_with_max_pooling_computes_what_is_drawn(observed, expected, reference):
    """With the same weights, ``PoolingLeNet("max")`` gives the logits of the network in the docstring."""
    check_logits(observed, expected, "max", reference)


@pytest.mark.points(2, question="networks")
def test_the_network_without_pooling_computes_what_is_drawn(observed, expected, reference):
    """With the same weights, ``PoolingLeNet("none")`` gives the logits of the network in the docstring."""
    check_logits(observed, expected, "none", reference)


@pytest.mark.points(1, question="networks")
def test_every_parameter_learns(observed, expected):
    """The gradient reaches every parameter."""
    for found in (observed("gradients").items("claimed"), parameters("gradients", observed, expected)):
        assert_gradients(found, "Is a layer unused, frozen, in a Python list, or cut off by .detach()?")


@pytest.mark.points(1, question="networks")
def test_an_image_gets_the_same_logits_every_time(observed, expected):
    """An image gets the same logits alone as in a batch and twice in a row, and is not changed."""
    again = "these networks have no dropout, and remember nothing."
    alone = "does flatten mix the images? n must stay in front."
    seen, images = observed("repeats"), expected("repeats").tensor("images")
    assert_repeatable(seen, (len(images), 10), again, alone)
    network_of(seen, images)


@pytest.mark.points(1, question="networks")
def test_another_pooling_is_refused(observed, expected):
    """A pooling that is none of the three is a ValueError, not silently one of them."""
    seen = observed("other_pooling")
    network_of(seen, expected("other_pooling").tensor("images"))
    for name in ("sum", "mean"):
        types = [kind for error in seen.items(name) for kind in error.texts("types")]
        if "ValueError" not in types:
            found = (types or ["no error"])[0]
            fail(f'PoolingLeNet("{name}") should raise a ValueError that names the three; there was {found}.')


# ---------------------------------------------------------------- intermediate


def explained(seen, weights, images, pooling):
    """The right reading, and the one of the student's logits: a mistake is reported once, elsewhere."""
    found = [Reading((POOLS[pooling],) * 2)]
    if not seen.has("logits"):
        return found
    logits = seen.tensor("logits", shape=(len(images), 10))
    alike = (reading for _, reading in readings(pooling) if is_close(logits, reading.logits(weights, images)))
    found += itertools.islice(alike, 1)
    if seen.has("convolved") and seen.tensor("convolved").shape[-1:] == (24,):
        found.append(Reading((POOLS[pooling],) * 2, padding=0))
    return found


def looked_at(observed, expected, reference, pooling):
    """The returned tensors, and for each reading the right ones: (convolved, pooled)."""
    seen, ours = observed(f"intermediate_{pooling}"), expected(f"intermediate_{pooling}")
    if seen.number("count") != 2:
        fail("get_intermediate should return two tensors.")
    weights, images = weights_of(seen.numbers("sizes"), ours, pooling, reference), ours.tensor("images")
    found = explained(seen, weights, images, pooling)
    return seen, found, [reading.first(weights, images) for reading in found]


@pytest.mark.points(4, question="intermediate")
def test_the_first_output_is_that_of_the_convolution(observed, expected, reference):
    """The first of the two is the output of the first convolution, before ReLU."""
    for pooling in ("avg", "max"):
        seen, _, right = looked_at(observed, expected, reference, pooling)
        found = seen.tensor("convolved", shape=(None, None, None, None))
        if any(is_close(found, convolved) for convolved, _ in right):
            continue
        if any(is_close(found, torch.relu(convolved)) for convolved, _ in right):
            fail("The first output has no negative values: a ReLU was applied, or worked in place on what you kept.")
        if any(is_close(found, pooled) for _, pooled in right):
            fail("The first output is one after pooling; that is the second.")
        fail(f"The first output, {list(found.shape)}, is not that of the first convolution for the same weights.")


@pytest.mark.points(4, question="intermediate")
def test_the_second_output_is_that_of_the_pooling(observed, expected, reference):
    """The second of the two is the output of the first pooling, after ReLU."""
    for pooling in ("avg", "max"):
        seen, found, right = looked_at(observed, expected, reference, pooling)
        got = seen.tensor("pooled", shape=(None, None, None, None))
        if any(is_close(got, pooled) for _, pooled in right):
            continue
        for reading, (convolved, _) in zip(found, right, strict=True):
            if is_close(got, reading.pools[0](convolved, 2)):
                fail("The second output is pooled without the ReLU that comes before.")
            if is_close(got, torch.relu(convolved)):
                fail("The second output is that of ReLU, before pooling.")
            for name, pool in POOLS.items():
                if name not in (pooling, "none") and is_close(got, pool(reading.activations[0](convolved), 2)):
                    fail(f'Built with "{pooling}", the network hands out a pooling by "{name}".')
        if got.shape[1] == 16:
            fail("The second output has 16 maps: it comes from the second convolution, not from the first pooling.")
        fail(f"The second output, {list(got.shape)}, is not that of the first pooling for the same weights.")


@pytest.mark.points(3, question="intermediate")
def test_without_pooling_there_is_a_clear_error(observed, expected, points):
    """For "none" there is no output of a pooling: a ValueError says so."""
    seen = observed("intermediate_none")
    network_of(seen, expected("intermediate_none").tensor("images"))
    raised = seen.items("raised")
    types = [kind for error in raised for kind in error.texts("types")]
    text = " ".join(error.text("text") for error in raised)
    if not types:
        fail(
            'Built with "none" the network has no pooling, yet something was returned; raise a ValueError that says so.'
        )
    if types[0] == "NotImplementedError":
        fail("NotImplementedError")
    if "ValueError" not in types:
        points.part(1, f"There was a {types[0]}; a ValueError that names the reason is required.")
    if "pool" not in text.lower():
        points.part(2, f"The error says {text[:80]!r}; let it name the reason: there is no pooling.")


@pytest.mark.points(1, question="intermediate")
def test_looking_changes_nothing(observed, expected):
    """After a look the network gives the same logits, and the images are as they were."""
    seen, size = observed("intermediate_avg"), (len(expected("intermediate_avg").tensor("images")), 10)
    seen.number("count")
    # a network that cannot give logits is reported elsewhere
    if seen.has("logits") and not is_close(seen.tensor("after", shape=size), seen.tensor("logits", shape=size)):
        fail("After get_intermediate the network gives other logits than before.")
    if seen.number("changed") != 0:
        fail("The images that went in were changed in place.")


# ---------------------------------------------------------------- accuracy


def normalized(images):
    return (images.unsqueeze(1) / 255 - 0.1307) / 0.3081  # (n, 1, 28, 28)


@pytest.mark.points(3, question="accuracy")
def test_max_pooling_is_accurate(observed, answers, bars, reference, points, show):
    """The network with max pooling and your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_max"))
    logits = held_out_logits(network, answers, normalized, show, reference.PoolingLeNet("max"))
    grade_accuracy(logits, answers["labels"], bars["lenet_max"], points, show, full=3, passed=1.5)


@pytest.mark.points(2, question="accuracy")
def test_average_pooling_is_accurate(observed, answers, bars, reference, points, show):
    """The network with average pooling and your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_avg"))
    logits = held_out_logits(network, answers, normalized, show, reference.PoolingLeNet("avg"))
    grade_accuracy(logits, answers["labels"], bars["lenet_avg"], points, show, full=2, passed=1)


@pytest.mark.points(2, question="accuracy")
def test_no_pooling_is_accurate(observed, answers, bars, reference, points, show):
    """The network without pooling and your weights classifies digits it has never seen."""
    network = trained_network(observed("weights_none"))
    logits = held_out_logits(network, answers, normalized, show, reference.PoolingLeNet("none"))
    grade_accuracy(logits, answers["labels"], bars["lenet_none"], points, show, full=2, passed=1)


@pytest.mark.points(1, question="accuracy")
def test_the_history_of_training_is_kept(observed, show):
    """history.json holds what was recorded for the three models, from the first record on, not from step 0."""
    models = observed("history").items("models")
    if not models:
        fail("history.json holds no training curves: save it as the notebook does.")
    if len(models) < 3:
        fail(f"history.json holds {len(models)} of three models.")
    for model in models:
        steps = model.numbers("step")
        if not steps or steps[0] <= 0 or any(a >= b for a, b in itertools.pairwise(steps)):
            fail("The steps of the records must rise, and the first be more than 0.")
        for quantity in ("loss", "accuracy"):
            lists = {name: model.numbers(f"{name}_{quantity}", len(steps)) for name in ("train", "test")}
            show.curves(f"{model.text('name')}: {quantity}".lstrip(": "), "record", quantity, lists)
