"""The tool that weighs the pages: what it reads from a trace, says, sends, and has stored."""

import json
import urllib.request

import bench_tool  # noqa: F401
import pytest
import site_probe
import yaml
from house import ROOT
from weigh import command, report, serving, sites
from weigh.trace import Facts, facts

HOME = "http://127.0.0.1:1/index.html"
MATHS = "http://127.0.0.1:1/mathjax/tex-chtml.js"
LIGHT = Facts(30, 500_000, 2_000_000, 400.0, 450.0, 500.0, 600.0, 0.001)
HEAVY = Facts(30, 1_250_000, 4_000_000, 500.0, 500.0, 50.0, 450.0, 0.1)


def event(name, ms, pid=1, **data):
    """Return one event of a trace."""
    return {"name": name, "ts": 5_000 + 1000 * ms, "pid": pid, "args": {"data": data}}


EVENTS = [
    event("ResourceSendRequest", -3, pid=2, url="chrome://new-tab"),
    event("firstContentfulPaint", -2, pid=2),
    event("ResourceSendRequest", 0, url=HOME),
    event("ResourceFinish", 5, encodedDataLength=100, decodedBodyLength=400),
    event("firstContentfulPaint", 10),
    event("largestContentfulPaint::Candidate", 11),
    event("largestContentfulPaint::Candidate", 19),
    event("ResourceSendRequest", 12, url=MATHS),
    event("ResourceFinish", 14, encodedDataLength=20, decodedBodyLength=60),
    event("EvaluateScript", 8, url="http://127.0.0.1:1/book.js"),
    event("EvaluateScript", 15, url=MATHS),
    event("LayoutShift", 16, score=0.25, had_recent_input=False),
    event("LayoutShift", 17, score=0.5, had_recent_input=True),
]


def row(page, ours=LIGHT, stock=HEAVY, slow=False):
    """Return one measured page."""
    return {"page": page, "slow": slow, "ours": ours._asdict(), "stock": stock._asdict()}


def result(*rows):
    """Return a run."""
    return {"loads": 3, "versions": {"jupyter-book": "1.0"}, "rows": list(rows)}


def test_a_trace_is_read_without_the_browsers_own_pages():
    assert facts(EVENTS, HOME) == Facts(2, 120, 460, 10.0, 19.0, 12.0, 15.0, 0.25)


def test_a_page_without_formulas_has_no_times_for_mathjax():
    plain = [e for e in EVENTS if e["args"]["data"].get("url") != MATHS]
    assert facts(plain, HOME)[5:7] == (None, None)


def test_a_trace_of_another_page_or_an_empty_page_is_refused():
    with pytest.raises(ValueError, match=r"no request for http://elsewhere"):
        facts(EVENTS, "http://elsewhere/")
    with pytest.raises(ValueError, match="painted nothing"):
        facts([e for e in EVENTS if e["name"] != "firstContentfulPaint"], HOME)


def test_medians_leave_out_what_a_load_has_not():
    found = command.medians([LIGHT, HEAVY, LIGHT._replace(text=450.0, maths_run=None)])
    assert (found["text"], found["maths_run"], found["sent"]) == (450.0, 525.0, 500_000)
    assert command.medians([LIGHT._replace(maths_run=None)])["maths_run"] is None


def test_every_page_of_both_sites_is_loaded_in_an_order_of_each_round():
    todo = command.jobs(["index", "search"], loads=2, seed=0)
    rounds = todo[: len(todo) // 2], todo[len(todo) // 2 :]
    wanted = {(p, s, False) for p in ("index", "search") for s in ("ours", "stock")}
    wanted |= {("index", s, True) for s in ("ours", "stock")}  # also on a slow line
    assert set(rounds[0]) == set(rounds[1]) == wanted
    assert len(rounds[0]) == len(wanted)
    assert rounds[0] != rounds[1]


def test_the_text_compares_with_the_stock_build():
    text = report.page_text(result(row("index"), row("chapters/02", slow=True)))
    assert "heaviest page is `index`, 500 kB. 0 of 1 pages weigh more than 1 MB" in text
    assert "of a stock build's, 1." in text
    assert "sends 0.40 times the bytes of a stock page" in text
    assert "first text after 0.80 times as long" in text
    assert (
        "before the first text on 0 of 1 pages with formulas, and runs before it on 0" in text
    )
    assert "in the stock build it runs before on 1." in text
    assert "| 02   |" in text


def test_pages_that_are_too_heavy_or_wait_for_mathjax_are_counted():
    text = report.page_text(result(row("index", ours=HEAVY), row("search")))
    assert "1250 kB. 1 of 2 pages weigh more than 1 MB" in text
    assert (
        "before the first text on 1 of 2 pages with formulas, and runs before it on 1" in text
    )


def test_text_is_sent_compressed_and_pictures_as_they_are(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "page.html").write_text("text " * 1000, encoding="utf-8")
    (tmp_path / "dot.png").write_bytes(b"not really one")
    with serving.served(tmp_path) as address:
        with urllib.request.urlopen(f"{address}/a/page.html?v=1") as page:
            assert page.headers["Content-Encoding"] == "gzip"
            assert len(page.read()) == int(page.headers["Content-Length"]) < 200
        with urllib.request.urlopen(f"{address}/dot.png") as picture:
            assert picture.headers["Content-Encoding"] is None
            assert picture.read() == b"not really one"
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{address}/none.html")
        missing.value.close()
        assert missing.value.code == 404


def test_the_stock_sources_are_ours_without_our_settings(tmp_path):
    sites.copy_sources(tmp_path)
    toc = yaml.safe_load((tmp_path / "_toc.yml").read_text(encoding="utf-8"))
    assert "book/api" not in json.dumps(toc)
    assert "sphinx" not in yaml.safe_load((tmp_path / "_config.yml").read_text("utf-8"))
    assert {page for page in site_probe.pages() if page not in sites.pages()} == {
        "book/api", "genindex", "404",
    }  # fmt: skip
    for page in sites.pages()[:-1]:
        found = [tmp_path / f"{page}{end}" for end in (".md", ".ipynb")]
        (path,) = [path for path in found if path.is_file()]
        assert path.read_bytes() == (ROOT / path.relative_to(tmp_path)).read_bytes()
    assert not list(tmp_path.rglob("*.js"))


def test_stock_pages_ask_a_local_address_for_mathjax(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(f'<script src="{sites.CDN}tex-mml-chtml.js">', encoding="utf-8")
    sites.point_to(tmp_path, "http://127.0.0.1:9")
    assert page.read_text("utf-8") == '<script src="http://127.0.0.1:9/tex-mml-chtml.js">'
    assert (sites.mathjax() / "tex-mml-chtml.js").is_file()


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["none"], r"no pages \['none'\]; the pages are index,"), (["--loads", "0"], "got 0")],
)
def test_bad_options_are_refused_before_anything_is_built(argv, said, capsys):
    with pytest.raises(SystemExit):
        command.main(argv)
    assert said.replace("\\", "") in capsys.readouterr().err


def test_the_stored_run_holds_what_the_book_promises():
    stored = json.loads((ROOT / "book" / "weight.json").read_text(encoding="utf-8"))
    rows = [row for row in stored["rows"] if not row["slow"]]
    assert [row["page"] for row in rows] == sites.pages()
    assert max(row["ours"]["sent"] for row in rows) <= report.LIMIT
    maths = [row["ours"] for row in rows if row["ours"]["maths_asked"] is not None]
    assert len(maths) > 15
    assert all(one["text"] < one["maths_asked"] < one["maths_run"] for one in maths)
    text = (ROOT / "book" / "_weight.md").read_text(encoding="utf-8")
    assert text == report.page_text(stored), "run `make weigh`"
