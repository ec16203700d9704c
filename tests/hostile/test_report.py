"""The table of attacks."""

from tests.hostile.report import assignments_table, head, table


def test_a_row_names_the_outcome_in_each_tier() -> None:
    row = {"attack": "lie", "heading": "grade", "sentence": "It lies.", "uid": 0, "assignment": "tensors"}
    row |= {"outcome": "passed", "known": []}
    rows = [row | {"tier": "full"}, row | {"tier": "restricted", "outcome": "failed", "known": ["sees a file"]}]
    assert table(rows)[-1] == "| It lies. | stopped | NOT STOPPED; sees a file |"
    assert "1 of 2 runs held" in " ".join(head(rows, ["root"]))


def test_an_assignment_has_a_row_with_what_was_not_stopped() -> None:
    row = {"attack": "lie", "assignment": "mnist_lenet", "outcome": "passed", "tier": "full"}
    rows = [row, row | {"attack": "steal", "outcome": "failed"}, row | {"tier": "restricted"}]
    assert assignments_table(rows)[-1] == "| mnist_lenet | 1 of 2; NOT steal | 1 of 1 |"
