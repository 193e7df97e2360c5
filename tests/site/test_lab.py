"""JupyterLab in a browser: a notebook runs, and a chapter leads to its exercises."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import site_probe
from house import ROOT

CHAPTER = "chapters/04_batch_norm.ipynb"
QUICK = "chapters/a2_second_derivatives.ipynb"
SHEET = "chapters/exercises/04_batch_norm.ipynb"
MAKE_LAB = re.findall(r"jupyter lab (.+)", (ROOT / "Makefile").read_text(encoding="utf-8"))[0]
TOKEN = "for-this-test"
# What a JupyterLab asks on its first start, answered: no news, no look for updates.
QUIET = {"fetchNews": "false", "checkForUpdates": False}
NOTIFICATION = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"
OPTIONS = [
    "--no-browser", "--ip=127.0.0.1", "--ServerApp.allow_root=True",
    "--ServerApp.port_retries=0", f"--IdentityProvider.token={TOKEN}",
    "--LabApp.expose_app_in_browser=True", "--LabApp.extension_manager=readonly",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
]  # fmt: skip

PANEL = "const panel = window.jupyterapp?.shell.currentWidget;"
CELLS = (
    "const cells = panel.content.model.sharedModel.cells.filter((c) => c.cell_type === 'code');"
)
IDLE = "panel.sessionContext?.session?.kernel?.status === 'idle'"
ASKS = "document.querySelector('.jp-Dialog') !== null"
OPEN = f"""(name) => {{
  {PANEL}
  return {ASKS} || (panel?.context?.path === name && panel.context.isReady && {IDLE});
}}"""
ENDED = f"""() => {{
  {PANEL} {CELLS}
  const failed = cells.some((c) => c.execution_count !== null
    && c.outputs.some((o) => o.output_type === "error"));
  const all = cells.every((c) => c.execution_count !== null);
  return {ASKS} || ({IDLE} && (failed || all));
}}"""
SHOW = f"""(text) => {{
  {PANEL}
  const all = panel.content.model.sharedModel.cells;
  panel.content.scrollToItem(all.findIndex((c) => c.source.includes(text)));
}}"""
FACTS = f"""() => {{
  {PANEL} {CELLS}
  return {{
    counts: cells.map((c) => c.execution_count),
    outputs: cells.flatMap((c) => c.outputs),
    dialogs: [...document.querySelectorAll(".jp-Dialog, .Toastify__toast--error")]
      .map((e) => e.textContent),
  }};
}}"""


def not_yet_run(notebook):
    """Return a notebook's text without outputs."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"execution_count": None, "outputs": []}
    return json.dumps(notebook)


def ask(address, method="GET"):
    """Send one request to the server's own interface; return the answer."""
    request = Request(address, method=method, headers={"Authorization": f"token {TOKEN}"})
    with urlopen(request, timeout=10) as answer:
        return answer.read()


def wait_until_up(process, address):
    """Return when the server answers; fail when it ends or stays silent."""
    for _ in range(600):
        assert process.poll() is None, "JupyterLab ended at once"
        try:
            return ask(f"{address}/api/status")
        except (URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError("JupyterLab does not answer")


@contextmanager
def jupyterlab(folder):
    """Run JupyterLab as `make lab` does, in ``folder``, nothing kept elsewhere."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
             "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")  # fmt: skip
    places = {name: str(folder / name) for name in names}
    command = [Path(sys.executable).with_name("jupyter"), "lab", *OPTIONS, f"--port={port}"]
    address = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *MAKE_LAB.split()], cwd=folder,
            env=os.environ | places, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            wait_until_up(process, address)
            yield address
            ask(f"{address}/api/shutdown", "POST")
            assert process.wait(60) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture(scope="module")
def lab(chromium, tmp_path_factory):
    """Serve two chapters and a sheet; all of it ends at last."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / SHEET).parent.mkdir(parents=True)
    notebooks = {p: json.loads((ROOT / p).read_text("utf-8")) for p in (CHAPTER, QUICK, SHEET)}
    for name, notebook in notebooks.items():
        (folder / name).write_text(not_yet_run(notebook), encoding="utf-8")
    settings = folder / "JUPYTERLAB_SETTINGS_DIR" / NOTIFICATION
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(QUIET), encoding="utf-8")
    with jupyterlab(folder) as address:
        yield address
    assert list((folder / "JUPYTER_RUNTIME_DIR").glob("kernel-*.json")) == []


def test_chapter_runs_from_top_to_bottom(lab, chromium):
    """Open it and choose Run > Run All Cells."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked, errors = [], []
    tab.route(site_probe.ELSEWHERE, lambda route: route.abort())
    tab.on("request", lambda r: site_probe.ELSEWHERE.match(r.url) and asked.append(r.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(f"{lab}/lab/tree/{QUICK}?token={TOKEN}")
    tab.wait_for_function(OPEN, arg=QUICK, timeout=120_000)
    if not tab.evaluate(f"() => {ASKS}"):
        tab.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
        tab.get_by_text("Run All Cells", exact=True).click()
        tab.wait_for_function(ENDED, timeout=600_000)
    facts = tab.evaluate(FACTS)
    tab.close()
    kinds = [output["output_type"] for output in facts["outputs"]]
    assert (facts["dialogs"], errors, asked) == ([], [], [])
    assert "error" not in kinds
    assert facts["counts"] == list(range(1, len(facts["counts"]) + 1))
    assert len(facts["counts"]) > 15
    assert sum("image/png" in output.get("data", {}) for output in facts["outputs"]) >= 1


def test_it_opens_at_the_chapters_and_a_chapter_leads_to_its_sheet(lab, chromium):
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    tab.goto(f"{lab}/?token={TOKEN}")
    tab.locator(".jp-BreadCrumbs", has_text="chapters").wait_for(timeout=120_000)
    tab.goto(f"{lab}/lab/tree/{CHAPTER}?token={TOKEN}")
    tab.wait_for_function(OPEN, arg=CHAPTER, timeout=120_000)
    tab.evaluate(SHOW, "exercise sheet")
    tab.get_by_role("link", name="exercise sheet").click()
    tab.wait_for_function(OPEN, arg=SHEET, timeout=120_000)
    assert tab.evaluate(FACTS)["dialogs"] == []
    tab.close()
