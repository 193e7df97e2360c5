"""Whatever an answer changes, the next run knows nothing of it; `make live` must have run."""

from live_cases import RIGHT, WRONG, run_of

TAMPERED = {
    "functions of numpy": "np.sqrt = np.mean = np.nanmean = np.array = lambda v: v",
    "their code": "np.nanmean.__wrapped__.__code__ = (lambda *a, **k: 0).__code__",
    "numpy's settings": "np.seterr(all='raise'); np.set_printoptions(precision=1)",
    "builtins": "import builtins; builtins.len = builtins.isinstance = lambda *a: 3",
    "a builtin that is gone": "import builtins; del builtins.range",
    "math": "import math; math.sqrt = None",
    "the judge": "from bncourse.checks import judge; judge.examine = None",
    "a class of it": "from bncourse.checks import Report; Report.passed = True",
    "an exercise": "e = checks.find('ex04_q1'); object.__setattr__(e, 'reference', None)",
    "its mistakes": "checks.find('ex04_q1').mistakes.clear()",
    "the library": "import bnlib; vars(bnlib).clear()",
    "modules": "import sys; sys.modules['torch'] = sys.modules['numpy'] = np.linalg",
    "all modules": "import sys; sys.modules.clear()",
    "a module of Python": "import copy, inspect; copy.deepcopy = inspect.signature = None",
    "a class of Python": "import inspect; inspect.Signature.bind = None",
    "imports": "import sys; sys.meta_path.clear(); sys.path.clear()",
    "a hook of imports": "import sys; sys.meta_path.insert(0, 0)",
    "a file that looks like a module": "open('torch.py', 'w').write('1 / 0')",
    "a file of numpy": "open(np.__file__, 'w').write('1 / 0')",
    "the folder": "import os; os.chdir('/')",
    "warnings": "import warnings; warnings.simplefilter('error'); warnings.warn = None",
    "random numbers": "np.random.seed(0)",
    "the depth of calls": "import sys; sys.setrecursionlimit(60)",
    "a stream": "import sys; sys.stdout = None",
    "the trace": "import sys; sys.settrace(lambda *a: 1 / 0); sys.setprofile(lambda *a: 1 / 0)",
    "the end": "import atexit; atexit.register(lambda: setattr(np, 'sqrt', None))",
    "objects that end": "class A:\n    def __del__(self): np.sqrt = None\nnp.a = A()",
    "a call later": "import asyncio; asyncio.get_event_loop().call_soon(print)",
    "the runner": "import sys; sys._getframe(1).f_globals.clear()",
}  # fmt: skip
# What must not reach the next run shows in these.
STATE = "import sys; print(np.random.get_state()[1][0] > 0, sys.getrecursionlimit())\n"


def test_what_an_answer_changes_is_gone_with_its_run(pyodide):
    after = [run_of(STATE + RIGHT), run_of(WRONG)]
    jobs = [*after, *(job for change in TAMPERED.values() for job in [run_of(change), *after])]
    right, wrong, *results = pyodide(jobs)
    assert (right[0], wrong[0]) == ("right", "not yet")
    for i, what in enumerate(TAMPERED):
        first, *then = results[3 * i : 3 * i + 3]
        assert first[0] == "error", what
        assert then == [right, wrong], what
