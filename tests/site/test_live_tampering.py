"""Whatever an answer changes, the next run knows nothing of it; `make live` must have run."""

from live_cases import RIGHT, WRONG, run_of

# One for each place where something could stay: memory, files, the page's own calls.
TAMPERED = {
    "functions of numpy": "np.sqrt = np.mean = np.nanmean = np.array = lambda v: v",
    "numpy's settings": "np.seterr(all='raise'); np.set_printoptions(precision=1)",
    "random numbers": "np.random.seed(0)",
    "a builtin that is gone": "import builtins; del builtins.range",
    "the judge": "from bncourse.checks import judge; judge.examine = None",
    "an exercise": "checks.find('ex04_q1').mistakes.clear()",
    "all modules": "import sys; sys.modules.clear(); sys.meta_path.clear(); sys.path.clear()",
    "files": "open('torch.py', 'w').write('1 / 0'); open(np.__file__, 'w').write('1 / 0')",
    "the folder": "import os; os.chdir('/')",
    "warnings": "import warnings; warnings.simplefilter('error'); warnings.warn = None",
    "the depth of calls": "import sys; sys.setrecursionlimit(60)",
    "a stream": "import sys; sys.stdout = None",
    "a call later": "import asyncio; asyncio.get_event_loop().call_soon(print)",
    "the runner": "import sys; sys._getframe(1).f_globals.clear()",
}
# What must not reach the next run shows in these.
STATE = "import os, sys; print(np.random.get_state()[1][0] > 0, os.getcwd())\n"
STATE += "print(sys.getrecursionlimit())\n"


def test_what_an_answer_changes_is_gone_with_its_run(pyodide):
    after = [run_of(STATE + RIGHT), run_of(WRONG)]
    jobs = [*after, *(job for change in TAMPERED.values() for job in [run_of(change), *after])]
    right, wrong, *results = pyodide(jobs)
    assert (right[0], wrong[0]) == ("right", "not yet")
    for i, what in enumerate(TAMPERED):
        first, *then = results[3 * i : 3 * i + 3]
        assert first[0] == "error", what
        assert then == [right, wrong], what
