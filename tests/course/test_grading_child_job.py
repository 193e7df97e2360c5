"""What the child of `bncourse.grading` does with a whole job: all calls, and its limits."""

import json
import os
import resource
import signal
import sys
import time

import pytest
from grading_inside import inside  # noqa: F401

from bncourse.checks.values import decode, encode
from bncourse.grading import child

pytestmark = pytest.mark.usefixtures("inside")


def job(
    function="f", drive="def use(answer, *a):\n    return answer(*a)", calls=((1, 2), (3,))
):
    """Return a job with one exercise of some parts."""
    forms = [[encode((each,)) for each in part] for part in calls]
    task = {"function": function, "drive": drive, "drive_name": "use", "calls": forms}
    return json.loads(json.dumps({"cells": [], "exercises": {"ex": task, "other": task}}))


def test_every_exercise_is_called_with_all_its_arguments():
    found = child.calls(job(), {"f": lambda x: 2 * x}, 5.0)
    assert list(found) == ["ex", "other"]
    values = [[decode(each["value"]) for each in part] for part in found["other"]]
    assert values == [[2, 4], [6]]


def test_an_answer_that_is_not_there_is_none():
    assert child.calls(job("g"), {"f": abs}, 5.0) == {"ex": None, "other": None}


def test_the_tools_of_a_job_have_numpy_and_copy_and_late_annotations():
    drive = "def use(answer: Unknown, *a):\n    return np.ones(copy.copy(2)).sum() + answer(*a)"
    found = child.calls(job(drive=drive), {"f": abs}, 5.0)
    assert decode(found["ex"][1][0]["value"]) == 5


def test_functions_that_a_job_brings_are_arguments_too():
    drive = "def use(answer, f):\n    return answer(f(2))\n\ndef tool(x):\n    return x + 1"
    brought = job(drive=drive)
    brought["exercises"]["ex"]["calls"] = [[{"tuple": [{"function": "tool"}]}]]
    found = child.calls(brought, {"f": lambda x: 10 * x}, 5.0)["ex"]
    assert decode(found[0][0]["value"]) == 30


def test_after_a_call_that_runs_too_long_the_rest_is_not_made():
    seen = []

    def slow(x):
        seen.append(x)
        if x == 2:
            time.sleep(9)
        return x

    found = child.calls(job(), {"f": slow}, 0.1)["ex"]
    assert seen[:2] == [1, 2]
    assert 3 not in seen[:3]
    assert [len(part) for part in found] == [2, 1]
    assert found[0][1] == {"error": "Overtime: the call runs too long"}
    assert found[1][0] == {"error": "Overtime: a call runs too long"}


def test_an_error_that_is_no_overtime_stops_no_other_call():
    found = child.calls(job(), {"f": lambda x: 1 // (x - 1)}, 5.0)["ex"]
    assert found[0][0]["error"].startswith("ZeroDivisionError")
    assert decode(found[1][0]["value"]) == 0


def test_main_sets_the_limits_does_the_job_and_leaves(monkeypatch, tmp_path):
    """All that would end or deafen this process is only recorded."""
    done = []
    null = os.stat(os.devnull).st_rdev
    monkeypatch.setattr(os, "dup2", lambda a, b: done.append(("dup2", os.fstat(a).st_rdev, b)))
    for owner, name in ((resource, "setrlimit"), (signal, "signal")):
        monkeypatch.setattr(owner, name, lambda *a, name=name: done.append((name, *a)))
    monkeypatch.setattr(os, "_exit", lambda code: done.append(("_exit", code)))
    for stream in ("stdout", "stderr"):
        monkeypatch.setattr(sys, stream, None)
    monkeypatch.chdir(tmp_path)
    whole = job("f") | {"seconds": 5.0, "limits": {"RLIMIT_CORE": 0, "RLIMIT_FSIZE": 9}}
    source = "def f(x):\n    print(x)\n    get_ipython().quiet(1)\n"
    source += "    return (x, __name__, 'ß', display(1, raw=True))"
    whole["cells"] = [["a", source], ["b", "1 / 0"]]
    (tmp_path / "job.json").write_text(json.dumps(whole), encoding="utf-8")
    child.main()
    sys.stdout.close()
    monkeypatch.undo()
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert sorted(os.listdir(tmp_path)) == ["job.json", "result.json"]
    assert result["faults"] == {"b": "ZeroDivisionError: division by zero"}
    assert decode(result["outcomes"]["ex"][1][0]["value"]) == (3, "__main__", "ß", None)
    limits = [(resource.RLIMIT_CORE, (0, 0)), (resource.RLIMIT_FSIZE, (9, 9))]
    assert [it[1:] for it in done if it[0] == "setrlimit"] == limits
    handlers = [(signal.SIGALRM, child.ring), (signal.SIGXFSZ, signal.SIG_IGN)]
    assert [it[1:] for it in done if it[0] == "signal"] == handlers
    assert [it[1:] for it in done if it[0] == "dup2"] == [(null, 0), (null, 1), (null, 2)]
    assert done[-1] == ("_exit", 0)
