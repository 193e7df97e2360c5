"""JupyterLab in a browser: a chapter runs, and leads to its exercises."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import site_probe
from house import ROOT

CHAPTER = "chapters/a1_through_whitening.ipynb"
SHEET = "chapters/exercises/02_whitening.ipynb"
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


def wait_until_up(process, address):
    """Return when the server answers; fail when it ends or stays silent."""
    for _ in range(600):
        assert process.poll() is None, "JupyterLab ended at once"
        with suppress(URLError, ConnectionError):
            return urlopen(f"{address}/api/status?token={TOKEN}", timeout=10).close()
        time.sleep(0.1)
    raise AssertionError("JupyterLab does not answer")


@pytest.fixture
def lab(tmp_path):
    """Run JupyterLab as `make lab` does, on a chapter and a sheet, nothing kept elsewhere."""
    (tmp_path / SHEET).parent.mkdir(parents=True)
    for name in (CHAPTER, SHEET):
        notebook = json.loads((ROOT / name).read_text("utf-8"))
        (tmp_path / name).write_text(not_yet_run(notebook), encoding="utf-8")
    settings = tmp_path / "JUPYTERLAB_SETTINGS_DIR" / NOTIFICATION
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(QUIET), encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
             "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")  # fmt: skip
    places = {name: str(tmp_path / name) for name in names}
    command = [Path(sys.executable).with_name("jupyter"), "lab", *OPTIONS, f"--port={port}"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *MAKE_LAB.split()], cwd=tmp_path,
            env=os.environ | places, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_until_up(process, f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)
    assert list((tmp_path / "JUPYTER_RUNTIME_DIR").glob("kernel-*.json")) == []


def test_it_opens_at_the_chapters_and_one_runs_and_leads_to_its_sheet(lab, chromium):
    """Open a chapter, choose Run > Run All Cells, and follow its link."""
    tab = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked, errors = [], []
    tab.route(site_probe.ELSEWHERE, lambda route: route.abort())
    tab.on("request", lambda r: site_probe.ELSEWHERE.match(r.url) and asked.append(r.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.goto(f"{lab}/?token={TOKEN}")
    tab.locator(".jp-BreadCrumbs", has_text="chapters").wait_for(timeout=120_000)
    tab.goto(f"{lab}/lab/tree/{CHAPTER}?token={TOKEN}")
    tab.wait_for_function(OPEN, arg=CHAPTER, timeout=120_000)
    tab.locator(".lm-MenuBar-itemLabel", has_text="Run").click()
    tab.get_by_text("Run All Cells", exact=True).click()
    tab.wait_for_function(ENDED, timeout=600_000)
    facts = tab.evaluate(FACTS)
    assert (facts["dialogs"], errors, asked) == ([], [], [])
    assert "error" not in [output["output_type"] for output in facts["outputs"]]
    assert facts["counts"] == list(range(1, len(facts["counts"]) + 1))
    assert len(facts["counts"]) > 15
    assert any("image/png" in output.get("data", {}) for output in facts["outputs"])
    tab.evaluate(SHOW, "](exercises/")
    tab.get_by_role("link", name="Sheet 2", exact=True).click()
    tab.wait_for_function(OPEN, arg=SHEET, timeout=120_000)
    assert tab.evaluate(FACTS)["dialogs"] == []
    tab.close()
