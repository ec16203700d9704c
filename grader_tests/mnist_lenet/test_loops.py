"""The training loop and the evaluation loop, on networks of ours."""

import pytest
import torch
from torch import nn

from gradeprop.check import fail

CRITERION = nn.CrossEntropyLoss(label_smoothing=0.1)
SOFTMAX = nn.Softmax(dim=1)


def batches(truth):
    return list(zip(truth.tensor("images").split(4), truth.tensor("labels").split(4), strict=True))


def descend(truth, clear="before", step="each", last=nn.Identity()):  # noqa: B008  (has no state)
    """The weights after an epoch of gradient descent with momentum, or of a misreading of it."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    model.load_state_dict(truth.tensors("start"))
    if truth.has("stale"):
        for name, parameter in model.named_parameters():
            parameter.grad = truth.tensors("stale")[name].clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for images, labels in batches(truth):
        if clear == "before":
            optimizer.zero_grad()
        CRITERION(last(model(images)), labels).backward()
        if step == "each":
            optimizer.step()
        if clear == "after":
            optimizer.zero_grad()
    if step == "end":
        optimizer.step()
    return model.state_dict()


def same_weights(end, other):
    return end.keys() == other.keys() and all(same_values(end[name], other[name]) for name in other)


def same_values(a, b):
    return a.shape == b.shape and torch.allclose(a.double(), b.double(), atol=1e-4)


@pytest.mark.points(3, question="train")
def test_a_batch_is_a_step_of_gradient_descent(observed, expected):
    """One batch moves the weights by one step of the optimiser, down the gradient of the loss."""
    end, truth = observed("train_one_batch").tensors("end"), expected("train_one_batch")
    if same_weights(end, truth.tensors("start")):
        fail("The weights did not move. Are there a loss.backward() and then an optimizer.step()?")
    if same_weights(end, descend(truth, last=SOFTMAX)):
        fail("A softmax comes before the criterion, which applies its own: pass it the logits.")
    if not same_weights(end, descend(truth)):
        fail("The weights moved otherwise than by one step on loss = criterion(model(images), labels).")


@pytest.mark.points(4, question="train")
def test_each_batch_starts_with_clean_gradients(observed, expected, points):
    """Each batch makes its own step, with its own gradient alone, whatever gradients the model came with."""
    end, truth = observed("train_epoch").tensors("end"), expected("train_epoch")
    if any(same_weights(end, descend(truth, last=last)) for last in (nn.Identity(), SOFTMAX)):
        return
    if same_weights(end, descend(truth, clear="after")):
        points.part(3, "The first step used gradients that the model came with: clear them before backward as well.")
    if same_weights(end, truth.tensors("start")):
        fail("The weights did not move.")
    if same_weights(end, descend(truth, clear="never")):
        fail("The gradients of all batches add up: optimizer.zero_grad() belongs inside the loop.")
    if any(same_weights(end, descend(truth, clear=clear, step="end")) for clear in ("before", "after", "never")):
        fail("There was one step at the end of the epoch: optimizer.step() belongs inside the loop.")
    fail("After four batches the weights are not those of four steps. Do zero_grad and step stand in the loop?")


@pytest.mark.points(2, question="train")
def test_training_switches_to_training_mode(observed, expected):
    """The model trains in training mode, though it came in evaluation mode."""
    modes = observed("train_mode").flags("trained") or observed("train_mode").flags("asked")
    if not modes:
        fail("The model was never asked for its logits.")
    first = expected("train_mode").numbers("means")[0]
    if not any(abs(mean - first) < 1e-3 for mean in observed("train_mode").numbers("means")):
        fail("The model was never asked for the logits of the first batch.")
    if not any(modes):
        fail("The model trained in evaluation mode, BatchNorm and dropout asleep: call model.train().")
    if not all(modes):
        fail("The model trained in evaluation mode in some of the batches: call model.train() before each of them.")


@pytest.mark.points(1, question="train")
def test_a_progress_bar_is_shown(observed):
    """A progress bar shows how far an epoch is, before it is over."""
    seen = observed("train_bar")
    changes = seen.number("changes")
    if changes == 0 and not seen.text("shown").strip():
        fail("Nothing was shown while training: wrap the loader, tqdm(train_loader).")
    if changes < 2:
        hint = "a progress bar moves from batch to batch, as that of tqdm(train_loader) does."
        fail(f"In an epoch of 250 batches, what was shown changed {changes:.0f} times before the last: {hint}")


def losses(truth, last=nn.Identity()):  # noqa: B008
    pairs = zip(truth.tensor("logits").split(4), truth.tensor("labels").split(4), strict=True)
    return [CRITERION(last(logits), labels).item() for logits, labels in pairs]


def digits_of(got, right):
    """How many digits after the point it was rounded to, if to three or fewer; None if that does not explain it."""
    return next((digits for digits in range(4) if abs(got - round(right, digits)) < 1e-6 < abs(got - right)), None)


def check_loss(seen, truth, points, worth):
    """The mean of the batch losses; a softmax before the criterion is reported elsewhere."""
    got, each = seen.number("loss"), losses(truth)
    right = (sum(each) / 4, sum(losses(truth, SOFTMAX)) / 4)
    if (digits := digits_of(got, right[0])) is not None:
        points.part(worth - 1, f"The loss is rounded to {digits} digits after the point: return it as it is.")
    if any(abs(got - value) < 1e-4 for value in right):
        return
    for value, hint in {
        sum(each): "It is the sum: divide by the number of batches.",
        each[-1]: "It is the loss of the last batch alone.",
        each[0]: "It is the loss of the first batch alone: is return inside the loop?",
        sum(each) / 14: "It is the sum over the batches by the number of images: divide by the number of batches.",
        (4 * sum(each[:3]) + 2 * each[3]) / 14: "It weights the batches by their size; each counts the same here.",
    }.items():
        if abs(got - value) < 1e-4:
            fail(f"The loss is not the mean of the batch losses. {hint}")
    if abs(seen.number("first_loss") - got) > 1e-4:
        fail("The same epoch gave another loss the second time: start each epoch from zero.")
    fail(f"The loss is {got:.4g}, which is not the mean of the four batch losses.")


def check_accuracy(seen, truth, points, worth):
    """The fraction of all images; rounding is reported once, of the loss if both are rounded."""
    got = seen.number("accuracy")
    hits = truth.tensor("logits").argmax(1) == truth.tensor("labels")
    each = [batch.float().mean().item() for batch in hits.split(4)]
    right = hits.double().mean().item()
    if digits := digits_of(got, right):  # 0 and 1 are those of a batch
        if digits_of(seen.number("loss"), sum(losses(truth)) / 4) is not None:
            return
        points.part(worth - 1, f"The accuracy is rounded to {digits} digits after the point: return it as it is.")
    if abs(got - right) < 1e-4:
        return
    for value, hint in {
        100 * right: "It is in percent: return a fraction from 0 to 1.",
        sum(each) / 4: "It is the mean of the batch accuracies: the last batch is smaller, so count right images.",
        each[-1]: "It is the accuracy of the last batch alone.",
        each[0]: "It is the accuracy of the first batch alone: is return inside the loop?",
        14 * right: "It is the number of right images: divide by the number of images.",
        14 * right / 4: "It is divided by the number of batches: divide by the number of images.",
        14 * right / 16: "It takes every batch for a full one: the last is smaller.",
    }.items():
        if abs(got - value) < 1e-4:
            fail(f"The accuracy is not the fraction of all images. {hint}")
    if abs(seen.number("first_accuracy") - got) > 1e-4:
        fail("The same epoch gave another accuracy the second time: start each epoch from zero.")
    fail(f"The accuracy is {got:.4g}, which is not the fraction of the images that the model gets right.")


@pytest.mark.points(2, question="train")
def test_training_returns_the_mean_loss(observed, expected, points):
    """Training returns the mean of the batch losses."""
    check_loss(observed("train_returns"), expected("train_returns"), points, worth=2)


@pytest.mark.points(2, question="train")
def test_training_returns_the_accuracy(observed, expected, points):
    """Training returns the fraction of right images, a smaller last batch included."""
    check_accuracy(observed("train_returns"), expected("train_returns"), points, worth=2)


@pytest.mark.points(3, question="test")
def test_evaluation_returns_the_mean_loss(observed, expected, points):
    """Evaluation returns the mean of the batch losses."""
    seen, truth = observed("test_returns"), expected("test_returns")
    if abs(seen.number("loss") - sum(losses(truth, SOFTMAX)) / 4) < 1e-4:
        fail("A softmax comes before the criterion, which applies its own: pass it the logits.")
    check_loss(seen, truth, points, worth=3)


@pytest.mark.points(3, question="test")
def test_evaluation_returns_the_accuracy(observed, expected, points):
    """Evaluation returns the fraction of right images, a smaller last batch included."""
    check_accuracy(observed("test_returns"), expected("test_returns"), points, worth=3)


def same_answers(seen, truth):
    """Return True if all outputs of the model are those that the reference loop gets from it."""
    answers = seen.tensor("answers", shape=(None, 10)).float()
    distances = torch.cdist(answers, truth.tensor("answers"))
    return len(answers) > 0 and bool((distances.min(1).values < 1e-3).all())


@pytest.mark.points(3, question="test")
def test_evaluation_switches_to_evaluation_mode(observed, expected):
    """The model answers in evaluation mode, though it came in training mode; BatchNorm's statistics stay."""
    seen, truth = observed("test_mode"), expected("test_mode")
    if not same_values(seen.tensor("mean"), truth.tensor("mean")):
        fail("Measuring changed the statistics of a BatchNorm: call model.eval() first.")
    if not same_answers(seen, truth):
        fail("The model gave other answers than in evaluation mode: call model.eval() before the loop.")


@pytest.mark.points(1, question="test")
def test_evaluation_leaves_weights_and_gradients(observed, expected):
    """Measuring changes no weight and no gradient."""
    seen, truth = observed("test_leaves"), expected("test_leaves")
    if not same_answers(seen, truth):
        fail("The model was asked something else than the images of the loader.")
    for name, what in (("state", "weights"), ("gradients", "gradients")):
        if not same_weights(seen.tensors(name), truth.tensors(name)):
            fail(f"Measuring changed the {what} of the model: no backward, no zero_grad and no step here.")
