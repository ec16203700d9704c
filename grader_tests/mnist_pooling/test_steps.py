"""Training by steps: schedule, limits, the optimiser, and the loop, on networks of ours."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from gradeprop.check import fail

# ---------------------------------------------------------------- schedule


def off(seen, ours, name, tolerance=1e-6):
    """(step, got, right) wherever the student's value, maybe of float32, is not the reference's."""
    steps, right = ours.numbers("steps"), ours.numbers(name)
    got = seen.numbers(name, len(steps))
    return [(int(step), a, b) for step, a, b in zip(steps, got, right, strict=True) if not abs(a - b) <= tolerance]


def borders_alone(wrong, every):
    """Return True if all wrong values are right at a border: one step too early or too late."""
    return all((step + 1) % every in (0, 1, 2) for step, _, _ in wrong)


@pytest.mark.points(2, question="schedule")
def test_the_learning_rate_is_halved(observed, expected, points):
    """The learning rate is 0.05 for the first 10,000 steps and is halved every 10,000 steps."""
    wrong = off(observed("schedule"), expected("schedule"), "rates")
    if wrong:
        step, got, right = wrong[0]
        message = f"After {step:,} steps the learning rate is {got:.6g}; {right:.6g} is right."
        if borders_alone(wrong, 10_000):
            points.part(1, f"{message} It is one step off: steps 0 to 9,999 are the first 10,000.")
        fail(f"{message} It is halved at once, every 10,000 steps, and stays in between.")


@pytest.mark.points(2, question="schedule")
def test_the_momentum_rises_to_its_end(observed, expected, points):
    """The momentum is set every 2,000 steps, on a line from 0.5 to 0.95 at step 20,000, and stays there."""
    wrong = off(observed("momentum"), expected("momentum"), "momenta")
    if wrong:
        step, got, right = wrong[0]
        message = f"After {step:,} steps the momentum is {got:.6g}; {right:.6g} is right."
        if borders_alone(wrong, 2_000):
            points.part(1, f"{message} It is one step off: steps 0 to 1,999 are the first 2,000.")
        if all(step > 20_000 for step, _, _ in wrong):
            points.part(1, f"{message} From 20,000 steps on it stays at 0.95.")
        fail(f"{message} It changes every 2,000 steps only, ten times in all.")


# ---------------------------------------------------------------- weight_norm


def limits_of(seen, ours, kind):
    """(after, right, before) of the weights, or of the biases, of the one layer."""
    dims = {"weight": (2, 4), "bias": (1,)}[kind]
    right = next(t for t in ours.tensors("after").values() if t.dim() in dims)
    before = next(t for t in ours.tensors("before").values() if t.dim() in dims)
    found = [t for t in seen.tensors("after").values() if t.shape == right.shape]
    if not found:
        fail(f"The {kind}s of the layer are not there any more, or of another shape.")
    return found[0].float(), right, before


def near(a, b, tolerance=1e-4):
    return bool(((a - b).abs() <= tolerance * b.abs().clamp(min=1)).all())


def norms(weights):
    return weights.flatten(1).norm(dim=1)


def check_limit(after, right, before, what, largest=3.5):
    """The weights are those of the reference, or of a misreading that can be named."""
    if near(after, right):
        return
    if near(after, before):
        fail(f"The weights of {what} did not change: they are to be changed in place.")
    whole = before * min(1.0, largest / before.norm().item())
    each = before / norms(before).reshape(-1, *[1] * (before.dim() - 1)) * largest
    columns = torch.renorm(before, 2, 1, largest)
    for other, hint in (
        (whole, "The norm of the whole layer was limited, not that of each unit."),
        (each, "Units that were short enough were changed too: only longer ones are shortened."),
        (columns, "The norm was taken over what leaves an input, not over what comes into a unit: dim 0 counts units."),
    ):
        if near(after, other):
            fail(hint)
    longest = norms(after).max().item()
    if longest > largest * 1.001:
        fail(f"A unit of {what} has still weights of norm {longest:.3g}; {largest:g} is the largest allowed.")
    if not near(after[norms(before) <= largest], before[norms(before) <= largest]):
        fail(f"A unit of {what} that was short enough was changed.")
    fail(f"The long units of {what} should keep their direction and get the norm {largest:g}.")


@pytest.mark.points(1, question="weight_norm")
def test_long_rows_are_shortened(observed, expected):
    """In a linear layer, units whose weights are longer than 3.5 get that length, the others stay."""
    check_limit(*limits_of(observed("limit_linear"), expected("limit_linear"), "weight"), "a linear layer")


@pytest.mark.points(1, question="weight_norm")
def test_long_filters_are_shortened(observed, expected):
    """In a convolution, a filter with all of its weights is one unit."""
    after, right, before = limits_of(observed("limit_conv"), expected("limit_conv"), "weight")
    per_plane = before.flatten(2).norm(dim=2).clamp(min=3.5)
    if near(after, before * (3.5 / per_plane)[..., None, None]) and not near(after, right):
        fail("A filter is one unit with the weights from all of its input maps; each map was limited by itself.")
    check_limit(after, right, before, "a convolution")


@pytest.mark.points(1, question="weight_norm")
def test_the_limit_can_be_chosen_and_biases_stay(observed, expected):
    """``largest`` may be another number; biases are left alone, and everything still learns."""
    seen, ours = observed("limit_largest"), expected("limit_largest")
    after, right, before = limits_of(seen, ours, "bias")
    if not near(after, before):
        fail("The biases were changed; only weights are limited.")
    if not seen.flag("grad"):
        fail("A parameter does not learn any more: requires_grad is off.")
    after, right, before = limits_of(seen, ours, "weight")
    if near(after, torch.renorm(before, 2, 0, 3.5)) or near(after, before):
        fail("With largest=7 the limit was not 7.")
    longest, asked = norms(after).max().item(), norms(right).max().item()
    if abs(longest - 3.5) < 1e-3 < abs(asked - 3.5):
        fail("With largest=7 the limit was 3.5 all the same.")


# ---------------------------------------------------------------- optimizer


@pytest.mark.points(1, question="optimizer")
def test_only_the_last_layer_is_penalised(observed):
    """If gradients are zero, the weights of the last layer shrink by 0.001 of themselves, and no other moves."""
    shares = observed("penalty").items("shares")
    last = [item for item in shares if item.flag("last") and not item.flag("bias")]
    others = [item for item in shares if not item.flag("last")]
    if not last or not others:
        fail("The layers were not found.")
    moved = [item.text("name") for item in others if abs(item.number("share")) > 1e-5 or item.number("rest") > 1e-5]
    if moved:
        fail(f"With gradients of zero {', '.join(moved[:4])} moved: only the last layer is penalised.")
    share = last[0].number("share")
    if abs(share) < 1e-6:
        fail("With gradients of zero the last layer did not move: give its group a weight_decay.")
    if abs(share - 0.001) > 1e-5 or last[0].number("rest") > 1e-5:
        fail(f"With learning rate 1 the weights of the last layer lost {share:.2g} of themselves; 0.001 is right.")


@pytest.mark.points(1, question="optimizer")
def test_the_optimizer_is_descent_with_momentum(observed, expected):
    """It is gradient descent with momentum, over every parameter, with a learning rate and a momentum to be set."""
    seen = observed("momentum_step")
    if seen.texts("left_out"):
        fail(f"The optimizer does not hold {', '.join(seen.texts('left_out')[:5])}.")
    first, second = seen.numbers("first"), seen.numbers("second")
    if len(first) < 8:
        fail("The network has too few parameters to look at.")
    # the gradient is 1, 2, 3, … units, the learning rate 0.1, the momentum 0.8; the penalty adds less than 1 %
    unit = expected("momentum_step").number("unit")
    one, two = ([value / number / unit for number, value in enumerate(each, start=1)] for each in (first, second))
    if all(abs(value + 0.18) < 0.005 for value in one):
        fail("The first step already looks ahead by the momentum (nesterov=True): plain momentum is required.")
    if any(abs(value + 0.1) > 0.005 for value in one):
        fail("A step with learning rate 0.1 is not 0.1 times the gradient: use torch.optim.SGD.")
    if len(two) != len(one) or any(abs(value + 0.28) > 0.01 for value in two):
        fail("Two steps with momentum 0.8 do not add up as they should: plain momentum is required.")
    start = seen.numbers("start")
    if not start or not all(near_pair(start[i : i + 2], [0.05, 0.5]) for i in range(0, len(start), 2)):
        fail(f"Learning rate and momentum start as {start[:2]}: learning_rate(0) and momentum(0) are required.")


# ---------------------------------------------------------------- steps


def batches_of(truth):
    images, labels = truth.tensors("images"), truth.tensors("labels")
    return [(images[key], labels[key]) for key in images]


def replay(truth, batches, clear=True, last=nn.Identity(), steps=None):  # noqa: B008  (has no state)
    """The weights after a step per batch, or after a misreading of it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model.load_state_dict(truth.tensors("start"))
    if truth.has("stale"):
        for name, parameter in model.named_parameters():
            parameter.grad = truth.tensors("stale")[name].clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for images, labels in batches:
        if clear:
            optimizer.zero_grad()
        cross_entropy(last(model(images)), labels).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 20)
        optimizer.step()
    return model.state_dict()


def same_weights(end, other):
    return end.keys() == other.keys() and all(
        end[name].shape == other[name].shape and torch.allclose(end[name].double(), other[name].double(), atol=1e-4)
        for name in other
    )


@pytest.mark.points(1, question="steps")
def test_a_step_goes_down_the_gradient(observed, expected):
    """One step moves the weights down the gradient of the cross entropy of one batch."""
    seen, truth = observed("one_step"), expected("one_step")
    end = seen.tensors("end")
    if same_weights(end, truth.tensors("start")):
        fail("The weights did not move. Are there a loss.backward() and then an optimizer.step()?")
    if same_weights(end, replay(truth, batches_of(truth), last=nn.Softmax(1))):
        fail("A softmax comes before the loss, which applies its own: pass it the logits.")
    if seen.number("made") != 1:
        fail(f"One step was asked for; the optimizer made {seen.number('made'):.0f}.")
    if not same_weights(end, replay(truth, batches_of(truth))):
        fail("The weights moved otherwise than by one step on the cross entropy of the batch.")


@pytest.mark.points(1, question="steps")
def test_steps_go_through_all_batches_again_and_again(observed, expected):
    """Each step takes the next batch; after the last a new epoch begins; no gradient is left from before."""
    seen, truth = observed("many_steps"), expected("many_steps")
    end, batches = seen.tensors("end"), batches_of(truth)
    if same_weights(end, truth.tensors("start")):
        fail("The weights did not move.")
    for last in (nn.Identity(), nn.Softmax(1)):  # the softmax is reported elsewhere
        if same_weights(end, replay(truth, batches[:8], last=last)):
            return
    if same_weights(end, replay(truth, batches[:8], clear=False)):
        fail("The gradients of all batches add up, the old ones too: optimizer.zero_grad() belongs inside the loop.")
    if same_weights(end, replay(truth, [batches[i % 3] for i in range(8)])):
        fail("Every epoch took the batches of the first: make a new iterator each time, so that it can shuffle.")
    if same_weights(end, replay(truth, [batches[3 * i] for i in range(8)])):
        fail("Each step took the first batch of a new epoch: keep one iterator until it ends.")
    full = [batch for batch in batches if len(batch[1]) == 4]
    if same_weights(end, replay(truth, full[:8])):
        fail("The smaller last batch of an epoch was left out.")
    if seen.number("made") != 8:
        fail(f"8 steps were asked for, of 3 batches per epoch; the optimizer made {seen.number('made'):.0f}.")
    fail("After 8 steps the weights are not those of 8 steps on batch after batch.")


@pytest.mark.points(1, question="steps")
def test_the_schedule_is_set_before_each_step(observed, expected):
    """Before each step, learning rate and momentum are those of the schedule, in every group."""
    steps, ours = (
        [step.numbers("groups") for step in observed("schedule_is_set").items("steps")],
        expected("schedule_is_set"),
    )
    rate, momentum = ours.number("rate"), ours.number("momentum")
    if not steps:
        fail("The optimizer was not asked to step.")
    for number, values in enumerate(steps):
        right = [rate * (1 + number), momentum * number]
        pairs = [values[i : i + 2] for i in range(0, len(values), 2)]
        if all(near_pair(pair, right) for pair in pairs):
            continue
        if any(near_pair(pair, right) for pair in pairs):
            fail("Learning rate and momentum were set in one group of the optimizer only; it may have several.")
        if all(near_pair(pair, [rate * (2 + number), momentum * (number + 1)]) for pair in pairs):
            fail("The schedule is asked one step ahead: before the first step no step has been made, schedule(0).")
        if number and all(near_pair(pair, [rate * number, momentum * (number - 1)]) for pair in pairs):
            fail("The schedule is set after a step, so it comes one step late.")
        if all(abs(pair[0] - right[0]) < 1e-7 for pair in pairs):
            fail("The learning rate was set, but not the momentum.")
        if all(abs(pair[1] - right[1]) < 1e-7 for pair in pairs):
            fail("The momentum was set, but not the learning rate.")
        fail(f"At step {number} the optimizer's learning rate and momentum were not those of schedule({number}).")


def near_pair(pair, right):
    return len(pair) == 2 and all(abs(a - b) < 1e-7 for a, b in zip(pair, right, strict=True))


def whole(gradients):
    return torch.cat([torch.zeros(0), *(tensor.flatten().double() for tensor in gradients.values())])


@pytest.mark.points(1, question="steps")
def test_gradients_are_clipped_before_the_step(observed, expected):
    """If all gradients together are longer than 20, the step is made with them at length 20."""
    got, free = whole(observed("clipping").tensors("gradients")), whole(expected("clipping").tensors("unclipped"))
    if got.shape != free.shape or not got.norm() > 0:
        fail("There were no gradients when the optimizer was asked to step.")
    length, angle = got.norm().item(), (torch.dot(got, free) / got.norm() / free.norm()).item()
    if abs(length / free.norm().item() - 1) < 1e-3 and angle > 0.999:
        fail("The gradients came to the step as they were, longer than 20: clip them between backward and step.")
    if angle < 0.9999:
        fail("Clipping turned the gradient: scale all of it by one number (clip_grad_norm_), not each value or tensor.")
    if abs(length - 20) > 0.01:
        fail(f"The clipped gradient has the length {length:.4g}; 20 is required.")


@pytest.mark.points(1, question="steps")
def test_weights_are_limited_now_and_then(observed, expected):
    """``limit_weight_norm`` is called after every ``limit_every`` steps, and at no other time."""
    seen, ours = observed("limits"), expected("limits")
    calls, made = seen.numbers("limits"), seen.number("made")
    every, steps = ours.integer("every"), ours.integer("steps")
    if calls != [every, 2 * every]:
        after = ", ".join(f"{call:.0f}" for call in calls[:12]) or "never"
        setting, right = f"limit_every={every} and {steps} steps", f"{every} and {2 * every} are right"
        fail(f"With {setting}, limit_weight_norm was called after steps: {after}; {right}.")
    if made != steps:
        fail(f"{steps} steps were asked for; {made:.0f} were made.")


@pytest.mark.points(1, question="steps")
def test_the_model_trains_in_training_mode(observed):
    """The model trains in training mode, again after each measurement, and is measured in evaluation mode."""
    seen = observed("mode")
    trained = seen.flags("trained") or seen.flags("asked")
    if not any(trained):
        fail("The model trained in evaluation mode, BatchNorm and dropout asleep: call model.train().")
    if not all(trained):
        fail("After the first measurement BatchNorm and dropout were asleep: measuring switches to evaluation mode.")
    if any(seen.flags("measured")):
        fail("The test images were measured in training mode: BatchNorm and dropout are at work. Call test_model.")


def history_of(observed):
    found = observed("records").items("history")
    return found[0] if found else fail("train_steps should return a dict of lists.")


@pytest.mark.points(1, question="steps")
def test_records_are_made_when_they_are_due(observed):
    """With ``record_every=4`` and 11 steps, there are records after 4 and after 8 steps, in every list."""
    history = history_of(observed)
    for name in ("step", "seconds", "train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        if not history.has(name):
            fail(f"There is no list {name!r} in what train_steps returns.")
    steps = history.numbers("step")
    if steps[:1] == [0]:
        fail("The records begin at step 0; the first is made after record_every steps.")
    if steps != [4, 8]:
        fail(f"With record_every=4 and 11 steps, the records are of the steps {steps[:8]}; [4, 8] is right.")
    for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy"):
        history.numbers(name, 2)
    a, b = history.numbers("seconds", 2)
    if not 0 < a < b:
        fail("seconds should rise from record to record: the time spent in training since the beginning.")
    took = observed("records").number("training_s")
    if b > took + 0.1:  # measuring takes 0.2 s each time
        hint = "Seconds since the beginning of the training are required, without those of measuring."
        fail(f"After 8 of 11 steps seconds says {b:.3g}, but 8 took {took:.2g} seconds. {hint}")


def agree(got, right):
    return all(abs(a - b) < 1e-4 for a, b in zip(got, right, strict=False))


def digits_of(got, right):
    """How many digits after the point the values were rounded to, if to three or fewer and that explains them."""
    for digits in range(4):
        if not agree(got, right) and all(abs(a - round(b, digits)) < 1e-6 for a, b in zip(got, right, strict=False)):
            return digits
    return None


@pytest.mark.points(1, question="steps")
def test_records_hold_what_they_say(observed, expected):
    """Training values are those of the steps since the record before; test values are of the test images."""
    history, truth = history_of(observed), expected("records")
    losses, hits, sizes = (truth.numbers(name) for name in ("losses", "hits", "sizes"))
    lists = {
        name: history.numbers(name)[-2:] for name in ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
    }
    if any(len(values) != 2 for values in lists.values()):
        fail("Two records were due.")
    parts = (slice(0, 4), slice(4, 8))
    loss = [sum(losses[part]) / 4 for part in parts]
    accuracy = [sum(hits[part]) / sum(sizes[part]) for part in parts]
    for name, right in (("train_loss", loss), ("train_accuracy", accuracy)):
        if (digits := digits_of(lists[name], right)) is not None:
            fail(f"{name} is rounded to {digits} digits after the point: keep it as it is.")
    for right, hint in (
        (loss, ""),
        ([losses[3], losses[7]], "It is the loss of the last batch alone."),
        ([sum(losses[:4]) / 4, sum(losses[:8]) / 8], "It is the mean since the beginning, not since the last record."),
        ([sum(losses[:4]) / 4, sum(losses[:8]) / 4], "The sum was not set back to zero after a record."),
        ([sum(losses[part]) for part in parts], "It is the sum: divide by the number of steps."),
    ):
        if agree(lists["train_loss"], right):
            if hint:
                fail(f"train_loss is not the mean of the batch losses since the last record. {hint}")
            break
    else:
        # a softmax before the loss is reported elsewhere, and changes the losses
        if not all(1.4 < value < 2.5 for value in lists["train_loss"]):
            fail("train_loss is not the mean of the batch losses since the last record.")
    of_batches = [sum(h / n for h, n in zip(hits[p], sizes[p], strict=True)) / 4 for p in parts]
    for right, hint in (
        (accuracy, ""),
        ([100 * value for value in accuracy], "It is in percent: a fraction from 0 to 1 is required."),
        (of_batches, "It is the mean of the batch accuracies: the last batch is smaller, so count right images."),
        ([sum(hits[:4]) / sum(sizes[:4]), sum(hits[:8]) / sum(sizes[:8])], "It counts since the beginning."),
        ([hits[3] / sizes[3], hits[7] / sizes[7]], "It is the accuracy of the last batch alone."),
    ):
        if agree(lists["train_accuracy"], right):
            if hint:
                fail(f"train_accuracy is not the fraction of the images since the last record. {hint}")
            break
    else:
        fail("train_accuracy is not the fraction of the images since the last record that were classified correctly.")
    test = (truth.numbers("test"), truth.numbers("on_train"))
    got = [lists["test_loss"][0], lists["test_accuracy"][0]]
    if agree(got, test[1]) and not agree(got, test[0]):
        fail("The test values were measured on the training images: use the second loader.")
    for name, right in zip(("test_loss", "test_accuracy"), test[0], strict=True):
        if not agree(lists[name], [right, right]):
            fail(f"{name} is not what test_model gives on the test images.")
