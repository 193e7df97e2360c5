"""`python -m bncourse.checks`: for people who write in an editor."""

import live_cases
import pytest

from bncourse.checks import EXERCISES
from bncourse.checks.__main__ import main

RIGHT = f"import numpy as np\n{live_cases.RIGHT}"


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "answer.py"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def test_an_answer_is_judged_and_without_a_name_all_are_listed(file, capsys):
    assert main(["ex04_q1", file(RIGHT)]) == 0
    assert "ex04_q1: 3 of 3 points" in capsys.readouterr().out
    assert main(["ex04_q1", file(RIGHT.replace("np.sqrt", ""))]) == 1
    assert "not by its root" in capsys.readouterr().out
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
