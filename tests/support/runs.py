"""Runs of cells as the page makes them: how each ends, and what it shows."""

import json


def main(run, jobs):
    """Run a list of jobs with the page's function."""
    out = []
    for cells in json.loads(jobs):
        texts = []
        out.append([run(cells, texts.append), "".join(texts)])
    return json.dumps(out)
