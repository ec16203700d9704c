"""Identical and similar submissions are found, whatever names, comments or layout a student changed."""

import itertools
import re
import time
from pathlib import Path

import pytest

from gradeprop.results.similarity import (
    IdenticalGroup,
    SimilarGroup,
    SimilarPair,
    group,
    identical_code,
    identical_files,
    merge,
    similar_code,
    tokenize,
    tokenize_files,
)

STUB = 'def double(x):\n    """Twice x."""\n    ### YOUR CODE HERE\n    raise NotImplementedError\n'


def answer(number: int) -> str:
    """Return a long answer, another for each number."""
    lines = [
        f"    total = total {'+-*'[number * 7 % (k + 2) % 3]} x[{(number * k) % 11}] ** {k % 5}" for k in range(30)
    ]
    return f"def double(x):\n    total = {number}\n" + "\n".join(lines) + "\n    return total\n"


def tokens_of(**codes: str) -> dict[str, list[str]]:
    return {student: tokenize(code, STUB) for student, code in codes.items()}


def test_names_and_comments_change_no_tokens_and_the_stub_has_none() -> None:
    once = tokenize("def f(a):  # so\n    return torch.relu(a) + 1.5")
    assert once == tokenize("def g(b):\n  return torch.relu(b) + 1.5")
    assert tokenize("x = torch.relu(a)") != tokenize("x = torch.tanh(a)")
    assert tokenize(STUB, STUB) == []


@pytest.mark.parametrize("text", ["(", "'", '"""', "\\", "def ", "\0\ud7ff", "@"])
def test_code_of_any_kind_becomes_tokens_in_linear_time(text: str) -> None:
    def cpu_s(copies: int) -> float:
        began = time.process_time()
        tokenize(text * copies, STUB)
        return time.process_time() - began

    assert cpu_s(60_000) < 3 * 15 * cpu_s(4_000) + 0.1, "in quadratic time it is 225 times"


def test_code_with_other_names_is_identical() -> None:
    copied = re.sub("total", "mine", answer(3)) + "# my own work\n"
    (group,) = identical_code(tokens_of(ada=answer(3), bob=answer(4), copy=copied))
    assert group.students == ("ada", "copy")
    assert group.content == "code, ignoring names and comments"


def test_one_changed_operator_leaves_code_similar() -> None:
    near = answer(5).replace("+", "-", 1)
    codes = tokens_of(ada=answer(5), near=near, copy=near + "# mine\n", bob="x = 1\n")
    (pair,) = similar_code(codes)
    assert (pair.first, pair.second) == ("ada", "near"), "of students with identical code, the first"
    assert 0.8 < pair.similarity < 1
    assert similar_code(codes, min_similarity=0.9999) == []


def test_functions_in_another_order_leave_code_similar() -> None:
    functions = [answer(number).replace("double", f"f{number}") for number in (3, 4, 6)]
    codes = tokens_of(ada="".join(functions), copy="".join(functions[::-1]), bob=answer(7) + answer(8) + answer(9))
    (pair,) = similar_code(codes)
    assert (pair.first, pair.second) == ("ada", "copy")
    assert pair.similarity > 0.9


def test_what_half_of_a_class_has_is_no_evidence() -> None:
    codes = {f"s{number:02}": answer(5) + answer(number).replace("double", "own") for number in range(20, 44)}
    codes["copy"] = codes["s20"].replace("+", "-", 1)
    tokens = tokens_of(**codes)
    assert ("copy", "s20") in {tuple(sorted((pair.first, pair.second))) for pair in similar_code(tokens)}
    alone = {name: tokens[name] for name in list(tokens)[:10]}
    assert len(similar_code(tokens, 0.5)) < len(similar_code(alone, 0.5)), "in a small class it counts"


def test_short_answers_are_not_compared() -> None:
    codes = tokens_of(ada="def double(x):\n    return x + x\n", bob="def double(y):\n    return y + y\n")
    assert identical_code(codes) == []
    assert similar_code(codes) == []


def test_identical_files_are_found_under_the_same_name(tmp_path: Path) -> None:
    files = {student: tmp_path / student / "net.safetensors" for student in ("ada", "bob", "eve")}
    for student, file in files.items():
        file.parent.mkdir()
        file.write_bytes(b"other" if student == "bob" else b"weights")
    other = tmp_path / "bob" / "copy.safetensors"
    other.write_bytes(b"weights")
    (group,) = identical_files({student: [file] for student, file in files.items()} | {"zoe": [other]})
    assert (group.content, group.students) == ("net.safetensors", ("ada", "eve"))


def test_each_student_is_in_one_group_of_similar_code() -> None:
    names = [f"s{number:02}" for number in range(15)]
    pairs = [SimilarPair(a, b, 0.95) for a, b in itertools.combinations(names, 2)]
    pairs += [SimilarPair("x", "y", 0.93), SimilarPair("s03", "x", 0.92), SimilarPair("p", "q", 0.99)]
    assert group(pairs) == [
        SimilarGroup(("p", "q"), SimilarPair("p", "q", 0.99)),
        SimilarGroup((*names, "x", "y"), SimilarPair("s00", "s01", 0.95)),
    ]
    assert group([]) == []


def test_a_large_class_is_grouped_in_time() -> None:
    names = [f"s{number}" for number in range(600)]
    pairs = [SimilarPair(a, b, 0.95) for a, b in itertools.combinations(names, 2)]
    began = time.process_time()
    assert len(group(pairs)) == 1
    assert time.process_time() - began < 5


def test_files_that_the_same_students_share_are_one_group() -> None:
    groups = [
        IdenticalGroup("a", ("ada", "bob")),
        IdenticalGroup("b", ("ada", "bob")),
        IdenticalGroup("c", ("bob", "eve")),
    ]
    assert merge(groups) == [IdenticalGroup("a; b", ("ada", "bob")), IdenticalGroup("c", ("bob", "eve"))]


def test_many_large_files_take_no_longer_than_one() -> None:
    assert len(tokenize_files(["x = 1\n" * 100_000] * 50)) <= 2**18


def test_code_is_the_same_in_files_of_other_names_and_another_order() -> None:
    texts = [answer(3), answer(4), "from mine import *"]
    assert tokenize_files(texts, STUB) == tokenize_files(texts[::-1], STUB)
    assert len(tokenize_files(texts, STUB)) == sum(len(tokenize(text, STUB)) for text in texts)
