"""`python -m bncourse.checks`: for people who write in an editor."""

import numpy as np
import pytest

from bncourse.checks import EXERCISES, report, require, score
from bncourse.checks.__main__ import main

RIGHT = """
import numpy as np


def standardize(x, eps):
    d = x - x.mean(axis=0)
    return d / np.sqrt((d * d).mean(axis=0) + eps)
"""


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "answer.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_a_right_answer(file, capsys):
    assert main(["ex04_q1", file(RIGHT)]) == 0
    assert "ex04_q1: 3 of 3 points" in capsys.readouterr().out


def test_a_wrong_answer_and_its_name(file, capsys):
    assert main(["ex04_q1", file(RIGHT.replace("np.sqrt", ""))]) == 1
    assert "not by its root" in capsys.readouterr().out


def test_without_a_name_it_lists_all(capsys):
    assert main([]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == len(EXERCISES)
    assert "ex04_q1  standardize (3 points)" in out


@pytest.mark.parametrize(
    ("text", "message"),
    [("x = 1", "does not define standardize"), ("1 / 0", "does not run: ZeroDivisionError")],
)
def test_a_file_without_the_answer(text, message, file, capsys):
    assert main(["ex04_q1", file(text)]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["ex99_q9", "a.py"], "there is no exercise"), (["ex04_q1"], "which file defines")],
)
def test_bad_use(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err


def test_help_says_what_to_give(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert out.startswith(
        "usage: bncourse.checks [-h] [exercise] [file] Check a function in a file"
    )
    assert "exercise as ex05_q2; leave out to list them file a Python file that defines" in out


def recorded(seen):
    """Return a wrong answer that remembers what it was called with."""
    return lambda x, eps: seen.append(float(x[0, 0])) or x


def test_readers_get_the_cases_of_seed_0(monkeypatch):
    monkeypatch.setenv("BNLIB_CHECKS_SEED", "7")
    default, zero, seven, one = [], [], [], []
    report("ex04_q1", recorded(default))
    report("ex04_q1", recorded(zero), 0)
    score("ex04_q1", recorded(seven))
    score("ex04_q1", recorded(one), 1)
    assert default == zero
    with_seed = [[], []]
    report("ex04_q1", recorded(with_seed[0]), 7)
    report("ex04_q1", recorded(with_seed[1]), 1)
    assert [seven, one] == with_seed
    assert len({zero[0], seven[0], one[0]}) == 3


def test_a_value_is_an_answer_too(capsys):
    message = report("ex04_q1", np.ones(3)).verdicts[0].message
    assert message == "x_hat has shape (3,), expected (9, 1)"
    names = runpy(RIGHT)
    require("ex04_q1", names["standardize"])
    assert capsys.readouterr().out == f"{report('ex04_q1', names['standardize'])}\n"


def runpy(text):
    """Return what a file with this text defines."""
    names = {}
    exec(text, names)
    return names
