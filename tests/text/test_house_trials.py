"""Every rule for files and for bnlib can fail: each is shown what it must refuse."""

import graphlib

import pytest
from test_house import leftovers, pages, toc_files
from test_house_imports import deep_classes, graph, import_faults, size_faults

LEFT = [
    "see /ho" + "me/ann/x", "cd /wo" + "rk/main", "pip install --index" + "-url x",
    "http" + "s://10.0.0.5:8080/simple", "# TO" + "DO: later", "pip in" + 'stall "bnlib[fast]"',
    "a\n<<<<" + "<<< HEAD\n",
]  # fmt: skip
ORDINARY = [
    "http://127.0.0.1:8000", "https://example.org/wo" + "rk/a", "_build/tm" + "p/a",
    '"image/png": "ab/tm' + 'p/xyz"', "This works at home.",
    'pip install "bnlib[data] @ git+https://github.com/owner/name"',
]  # fmt: skip


@pytest.mark.parametrize("text", LEFT + ORDINARY)
def test_leftovers_are_found_and_ordinary_text_is_none(text):
    assert len(list(leftovers(text))) == (text in LEFT)


REFUSED = [
    ("axes", "from bnlib.stats import mean_var"),
    ("axes", "def f():\n    from bnlib import stats"),
    ("stats", "import bnlib.layers"),
    ("stats", "from bnlib import batch_norm_train"),
    ("stats", "from .axes import x"),
    ("functional", "import torch"),
    ("functional", "def f():\n    import torch.nn as nn"),
    ("train", "importlib.import_module('matplotlib.pyplot')"),
    ("data", "import pandas"),
    ("__init__", "import bnlib.plots"),
]
ALLOWED = [
    ("stats", "import numpy.typing as npt\nfrom bnlib.axes import Array"),
    ("layers", "from bnlib.layers.base import Layer"),
    ("torch_layers", "import torch"),
    ("plots", "import matplotlib.pyplot as plt\nfrom bnlib import __version__"),
    ("__init__", "from bnlib.functional import batch_norm_train"),
]


@pytest.mark.parametrize("case", REFUSED + ALLOWED, ids=str)
def test_imports_upwards_and_outside_are_refused_and_others_allowed(case):
    assert len(list(import_faults("bnlib", *case))) == (case in REFUSED)


def test_circle_of_imports_is_found():
    package = {"bnlib.a": "from bnlib.a.b import x", "bnlib.a.b": "from bnlib.a import x"}
    assert graph(package) == {"bnlib.a": {"bnlib.a.b"}, "bnlib.a.b": {"bnlib.a"}}
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(graph(package)).prepare()


def test_long_file_and_long_function_are_found():
    body = '    """One\n' + "    two\n" * 40 + '    """\n'
    assert list(size_faults("x = 1\n" * 500)) == []
    assert "501 lines" in next(size_faults("x = 1\n" * 501))
    assert list(size_faults("def f():\n" + body + "    x = 1\n\n    # why\n" * 25)) == []
    assert "f has 26 lines" in next(size_faults("def f():\n" + body + "    x = 1\n" * 26))


def test_deep_inheritance_is_found():
    base = "class A(nn.Module): ...\nclass B(A): ...\n"
    assert deep_classes([base, "class Twin(A, nn.Twin): ..."]) == []
    assert deep_classes([base, "class C(base.B): ..."]) == ["C"]


def test_toc_and_pages_are_read(tmp_path):
    chapters = [{"file": "a", "sections": [{"file": "b"}]}]
    assert list(toc_files({"root": "i", "parts": [{"chapters": chapters}]})) == ["i", "a", "b"]
    for name in ["index.md", "README.md", "book/a.md", "book/_static/b.md", "chapters/c.ipynb"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert pages(tmp_path) == {"index", "book/a", "chapters/c"}
