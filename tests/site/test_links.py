"""`make links` fails where an address outside the book does not answer, and names it."""

import re

import site_probe
import small_book
import yaml


def test_dead_links_end_it_and_are_named(tmp_path):
    """Check a book of one page, with one good and two dead links, as `make links` does."""
    folder, web = tmp_path / "book", tmp_path / "web"
    folder.mkdir()
    web.mkdir()
    (web / "paper.html").write_text("<h1 id='abstract'>A paper</h1>", encoding="utf-8")
    config = yaml.safe_load((site_probe.ROOT / "_config.yml").read_text(encoding="utf-8"))
    settings = config["sphinx"]["config"]
    kept = {key: settings[key] for key in settings if key.startswith("linkcheck")}
    text = yaml.safe_dump({"title": "Links", "sphinx": {"config": kept}})
    (folder / "_config.yml").write_text(text, encoding="utf-8")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: index\n", encoding="utf-8")
    with site_probe.served(web) as address:
        links = [f"[x]({address}/{name})" for name in ("paper.html#abstract", "gone.html")]
        links.append(f"[x]({address}/paper.html#conclusion)")
        (folder / "index.md").write_text("# Links\n\n" + "\n".join(links), encoding="utf-8")
        done = small_book.build(folder, "--builder", "linkcheck")
    assert done.returncode != 0
    log = re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)
    broken = re.findall(r"broken +http://[\d.:]+/(\S+)", log)
    assert sorted(broken) == ["gone.html", "paper.html#conclusion"]


def test_the_target_does_that():
    recipe = (site_probe.ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"(?m)^links: .*\n\t.*jupyter-book build \. --builder linkcheck", recipe)
