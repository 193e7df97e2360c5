"""What the child of `bncourse.grading` does with cells, with calls and with a whole job."""

import json
import signal
import sys
import time
import warnings

import numpy as np
import pytest
from grading_inside import inside  # noqa: F401

from bncourse.checks.values import decode, encode
from bncourse.grading import child

pytestmark = pytest.mark.usefixtures("inside")


def run(*sources, seconds=5.0, scope=None):
    """Return the faults of some cells, named a, b, c; and what they have defined."""
    scope = {} if scope is None else scope
    return child.run_cells(list(zip("abc", sources, strict=False)), scope, seconds), scope


def test_cells_share_a_scope_and_a_fault_stops_no_other_cell():
    faults, scope = run("x = 1", "y = x +\n", "z = x + 1\n1 / 0")
    assert (scope["x"], scope["z"]) == (1, 2)
    assert list(faults) == ["b", "c"]
    assert faults["b"].startswith("SyntaxError: invalid syntax (<b>, line 1)")
    assert faults["c"] == "ZeroDivisionError: division by zero"


def test_an_import_that_fails_stops_nothing_but_is_told():
    faults, scope = run(
        "import no_such_module\nfrom math import pi\nx = 1",
        "import no_such_module\n1 / 0\ny = 1",
    )
    assert faults["a"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert faults["b"].startswith("ZeroDivisionError")
    assert {"pi", "x"} <= set(scope)
    assert "y" not in scope
    lazy = (
        "'text'\nfrom __future__ import annotations\nimport no_such_module\ndef f(x: A): pass"
    )
    assert "f" in run(lazy)[1]


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("while True:\n    pass", "Overtime: the cell runs too long"),
        ("raise SystemExit(4)", "SystemExit: 4"),
        ("raise ValueError('x' * 999)", f"ValueError: {'x' * 288}"),
    ],
)
def test_a_fault_is_named_in_at_most_300_characters(source, fault):
    assert run(source, seconds=0.1)[0] == {"a": fault}


def test_nothing_rings_after_a_cell_is_done():
    run("x = 1", seconds=0.05)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    with pytest.raises(KeyError), child.bounded(0.05):
        raise KeyError
    time.sleep(0.1)


def test_warnings_and_floating_point_errors_are_swallowed():
    with warnings.catch_warnings(), np.errstate(all="raise"):
        warnings.simplefilter("error")
        faults, _ = run(
            "import warnings, numpy as np\nwarnings.warn('careful')\nnp.array([1.0]) / 0"
        )
        assert not faults
        with pytest.raises(UserWarning, match="loud"):
            warnings.warn("loud", stacklevel=1)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("%%time\nx = 1\n%pwd\ny = 2", 1),
        ("%matplotlib inline\nx = 1", 1),
        ("%time x = 1", 1),
        ("%timeit -n 10 -r1 x = 1", 1),
        ("%%bash\nx = (", None),
        ("x = !ls\nx?", []),
        ("if 1:\n    !ls {x}\n    x = 1", 1),
        ('x = """\n%x\n"""', "\n%x\n"),
        ("x = (5\n% 3)", 2),
        ("import asyncio\nasync def f(): return 1\nx = await f()", 1),
        ("x = input()", None),
    ],
)
def test_magics_are_left_out_or_run_and_plain_python_stays(source, wanted):
    scope = {}
    scope["get_ipython"] = lambda: child.Shell(scope)
    faults, scope = run(source, scope=scope, seconds=20)
    assert scope.get("x") == wanted, faults


def test_without_ipython_magics_are_left_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython.core.inputtransformer2", None)
    assert run("if 1:\n    %pwd\nx = 1")[1]["x"] == 1


def test_the_stand_in_has_checks_that_do_nothing():
    child.stand_in()
    import bncourse
    from bncourse import checks

    assert not hasattr(bncourse, "__path__")
    assert sys.modules["bncourse.checks"] is checks
    assert (bncourse.__name__, checks.__name__) == ("bncourse", "bncourse.checks")
    assert checks.require("ex04_q1", 1) is checks.score("ex04_q1", 1) is None
    with pytest.raises(AttributeError, match="__file__"):  # `inspect` asks for it
        child.nothing("__file__")


def test_arguments_are_values_and_functions_of_the_job():
    child.TOOLS["double"] = double = lambda x: 2 * x
    form = {"tuple": [encode([1, 2]), {"function": "double"}, encode({"function": 1}), "text"]}
    assert child.arguments(form) == ([1, 2], double, {"function": 1}, "text")


def one(answer, *given, seconds=5.0):
    """Return what one call came to."""
    form = json.loads(json.dumps(encode(given)))
    return child.one_call(lambda f, *a: f(*a), answer, form, seconds)


def test_a_call_gives_its_value_and_what_it_left_of_the_arguments():
    def answer(a, b):
        b += 1
        return a + b

    outcome = one(answer, np.ones(2), np.ones(2))
    assert decode(outcome["value"]).tolist() == [3, 3]
    assert [decode(form).tolist() for form in outcome["given"]] == [[1, 1], [2, 2]]
    assert set(outcome) == {"value", "given"}


def too_much():
    raise ValueError("y" * 999)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (lambda: time.sleep(9), "Overtime: the call runs too long"),
        (lambda: sys.exit(3), "SystemExit: 3"),
        (lambda: [][0], "IndexError: list index out of range"),
        (too_much, f"ValueError: {'y' * 288}"),
    ],
    ids=["overtime", "exit", "error", "long error"],
)  # fmt: skip
def test_a_call_that_fails_gives_its_error(answer, error):
    assert one(answer, seconds=0.1)["error"].split(" (in ")[0] == error


def calls(function, **scope):
    """Return the outcomes of calls with 1 and 2 in one part and 3 in the next, by exercise.

    The driver needs NumPy, copy and annotations that are not looked up.
    """
    drive = "def use(answer: Unknown, x):\n    return copy.copy(answer(np.int64(x).item()))"
    forms = [[encode((number,)) for number in part] for part in ((1, 2), (3,))]
    task = {"function": function, "drive": drive, "drive_name": "use", "calls": forms}
    job = json.loads(json.dumps({"exercises": {"ex": task, "other": task}}))
    return child.calls(job, scope, 0.5)


def test_every_exercise_is_called_with_all_its_arguments():
    outcomes = calls("f", f=lambda x: 2 * x)
    assert list(outcomes) == ["ex", "other"]
    values = [[decode(outcome["value"]) for outcome in part] for part in outcomes["other"]]
    assert values == [[2, 4], [6]]
    assert calls("g", f=abs) == {"ex": None, "other": None}  # not there


def test_after_a_call_that_runs_too_long_the_rest_is_not_made():
    seen = []

    def slow(x):
        seen.append(x)
        if x == 2:
            time.sleep(9)
        return x

    outcomes = calls("f", f=slow)["ex"]
    assert seen[:2] == [1, 2]
    assert 3 not in seen[:3]
    assert [len(part) for part in outcomes] == [2, 1]
    assert outcomes[0][1] == {"error": "Overtime: the call runs too long"}
    assert outcomes[1][0] == {"error": "Overtime: a call runs too long"}


def test_an_error_that_is_no_overtime_stops_no_other_call():
    outcomes = calls("f", f=lambda x: 1 // (x - 1))["ex"]
    assert outcomes[0][0]["error"].startswith("ZeroDivisionError")
    assert decode(outcomes[1][0]["value"]) == 0
