"""Every rule for files and for bnlib can fail: each is shown what it must refuse."""

import graphlib

import pytest
from test_house import leftovers, pages, toc_files
from test_house_imports import deep_classes, graph, import_faults, size_faults


@pytest.mark.parametrize(
    "text",
    [
        "see /ho" + "me/ann/x",
        "cd /wo" + "rk/main",
        "pip install --index" + "-url x",
        "http" + "s://10.0.0.5:8080/simple",
        "# TO" + "DO: later",
        "pip in" + 'stall "bnlib[fast]"',
        "a\n<<<<" + "<<< HEAD\n",
    ],
)
def test_leftover_is_found(text):
    assert len(list(leftovers(text))) == 1


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8000",
        "https://example.org/wo" + "rk/a",
        "_build/tm" + "p/a",
        '"image/png": "ab/tm' + 'p/xyz"',
        "This works at home.",
        'pip install "bnlib[data] @ git+https://github.com/owner/name"',
    ],
)
def test_ordinary_text_is_no_leftover(text):
    assert list(leftovers(text)) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
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
    ],
)
def test_import_is_refused(module, source):
    assert len(list(import_faults("bnlib", module, source))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("stats", "import numpy.typing as npt\nfrom bnlib.axes import Array"),
        ("layers", "from bnlib.layers.base import Layer"),
        ("torch_layers", "import torch"),
        ("plots", "import matplotlib.pyplot as plt\nfrom bnlib import __version__"),
        ("__init__", "from bnlib.functional import batch_norm_train"),
    ],
)
def test_import_is_allowed(module, source):
    assert list(import_faults("bnlib", module, source)) == []


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
    toc = {
        "root": "index",
        "parts": [{"chapters": [{"file": "a", "sections": [{"file": "b"}]}]}],
    }
    assert list(toc_files(toc)) == ["index", "a", "b"]
    for name in ["index.md", "README.md", "book/a.md", "book/_static/b.md", "chapters/c.ipynb"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert pages(tmp_path) == {"index", "book/a", "chapters/c"}
