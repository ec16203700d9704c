"""One-hot labels, probabilities, and the accuracy that counts every class the same."""

import pytest
import torch

from gradeprop.check import assert_close, fail


@pytest.mark.points(1, question="one_hot")
def test_the_one_stands_in_the_column_of_the_label(observed, expected):
    """Each row of ``one_hot`` is 1 in the column of its label, and 0 elsewhere."""
    seen, labels = observed("one_hot"), expected("one_hot").tensor("labels")
    rows = seen.tensor("rows", shape=(len(labels), 101)).double()
    if rows.unique().tolist() != [0, 1]:
        fail("one_hot returned other numbers than 0 and 1.")
    if (rows.sum(1) != 1).any():
        fail("Not every row of one_hot holds exactly one 1.")
    if (rows.argmax(1) != labels).any():
        fail("The 1 is in another column than that of the label; labels count from 0.")
    if seen.flag("changed"):
        fail("The labels that went in were changed in place.")


@pytest.mark.points(1, question="one_hot")
def test_one_hot_rows_are_floats(observed, expected):
    """The rows are float32, as cross entropy wants them."""
    seen, labels = observed("one_hot"), expected("one_hot").tensor("labels")
    if not seen.dtype("rows").is_floating_point:
        fail("The rows of one_hot are whole numbers or bools; cross entropy takes rows of floats, as probabilities.")
    rows = seen.tensor("rows", dtype=torch.float32)
    if rows.shape[:1] != labels.shape:
        fail(f"For {len(labels)} labels, one_hot returned the shape {list(rows.shape)}; expected [{len(labels)}, 101].")


@pytest.mark.points(1, question="one_hot")
def test_one_hot_has_as_many_columns_as_classes(observed, expected):
    """``num_classes`` sets the number of columns."""
    seen, labels = observed("one_hot_classes"), expected("one_hot_classes").tensor("labels")
    if (seen.tensor("rows", shape=(12, 7)).argmax(1) != labels).any():
        fail("With num_classes=7 the 1 stands in the wrong column.")


@pytest.mark.points(3, question="predict")
def test_predict_gives_probabilities(observed, expected):
    """``predict`` gives the softmax of the logits over the classes, as in evaluation mode."""
    seen, ours = observed("predict"), expected("predict").tensor("probabilities")
    found = seen.tensor("probabilities", shape=(6, 11)).double()
    if (found < 0).any() or ((found.sum(1) - 1).abs() > 1e-4).any():
        across = ((found.sum(0) - 1).abs() < 1e-4).all()
        hint = "the softmax runs over the pictures, not over the classes" if across else "is there a softmax?"
        fail(f"The rows of predict are no probabilities that sum to 1: {hint}")
    if (found.argmax(1) == ours.argmax(1)).all() and ((found == 0) | (found == 1)).all():
        fail("predict returned only zeros and ones: the probabilities themselves are required.")
    assert_close(found, ours, "Was the model in evaluation mode, and the softmax taken once?", what="predict(…)")


@pytest.mark.points(1, question="predict")
def test_a_picture_gets_the_same_probabilities_alone(observed, expected):
    """A picture gets the same probabilities alone as in a batch."""
    seen, size = observed("predict_alone"), (len(expected("predict_alone").tensor("images")), 11)
    if not (seen.tensor("alone", shape=size) - seen.tensor("first", shape=size)).abs().max() < 1e-4:
        fail("A picture got other probabilities alone than in a batch: evaluation mode, and a softmax over dim=1.")


@pytest.mark.points(1, question="predict")
def test_predict_only_looks(observed, expected):
    """``predict`` keeps no gradients, and leaves the statistics of a BatchNorm."""
    seen = observed("predict")
    if seen.flag("gradients"):
        fail("What predict returned still carries gradients: use torch.no_grad().")
    if not torch.equal(seen.tensor("mean", shape=(48,)), expected("predict").tensor("mean")):
        fail("The running mean of a BatchNorm changed: a prediction is made in evaluation mode.")


def misread_means(predictions, labels):
    """Yield likely mistakes in the mean over the classes: a sentence, and the value."""
    right, both = (predictions == labels).double(), torch.cat([labels, predictions])
    true = [right[labels == k].mean().item() for k in labels.unique()]
    yield "That is the plain accuracy, in which a class counts by its pictures.", right.mean().item()
    yield "That is in percent; a fraction is required.", 100 * sum(true) / len(true)
    empty = "Classes without a picture count as zero in it: leave them out."
    for classes in (101, int(labels.max()) + 1, int(both.max()) + 1, len(both.unique())):
        yield empty, sum(true) / classes
    each = [right[predictions == k].mean().item() for k in predictions.unique()]
    yield (
        "It averages over the classes that were predicted, not those of the labels (that is the precision).",
        (sum(each) / len(each)),
    )


def misread_mean(observed, expected):
    """The mistake that explains the mean over the classes; "" if it is right, None if it is not recognised."""
    if observed("class_accuracy").flag("undefined"):
        return "It is NaN, as the mean over no pictures is: leave out classes that are not among the labels."
    found, ours = observed("class_accuracy").number("value"), expected("class_accuracy")
    if abs(found - ours.number("value")) < 1e-5:
        return ""
    guesses = misread_means(ours.tensor("predictions"), ours.tensor("labels"))
    return next((text for text, value in guesses if abs(found - value) < 1e-5), None)


@pytest.mark.points(3, question="class_accuracy")
def test_every_class_counts_the_same(observed, expected):
    """``mean_class_accuracy`` is the mean, over the classes that occur, of the fraction classified correctly."""
    mistake = misread_mean(observed, expected)
    if mistake != "":
        fail(f"mean_class_accuracy gives another value than the mean over the classes. {mistake or ''}".strip())


@pytest.mark.points(1, question="class_accuracy")
def test_all_right_is_one(observed, expected):
    """All right gives 1, all wrong 0, whatever classes there are."""
    if misread_mean(observed, expected):
        return  # it costs points elsewhere
    seen = observed("class_accuracy_ends")
    if abs(seen.number("all") - 1) > 1e-6 or abs(seen.number("none")) > 1e-6:
        fail(f"All right gives {seen.number('all'):g} and all wrong {seen.number('none'):g}; expected 1 and 0.")
