"""The table of attacks."""

from tests.hostile.report import head, table


def test_a_row_names_the_outcome_in_each_tier() -> None:
    row = {"attack": "lie", "heading": "grade", "sentence": "It lies.", "uid": 0, "outcome": "passed", "known": []}
    rows = [row | {"tier": "full"}, row | {"tier": "restricted", "outcome": "failed", "known": ["sees a file"]}]
    assert table(rows)[-1] == "| It lies. | stopped | NOT STOPPED; sees a file |"
    assert "1 of 2 runs held" in " ".join(head(rows, ["root"]))
