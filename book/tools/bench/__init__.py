"""The benchmark behind `make bench`: how fast, how large and how exact `bnlib` is.

`python book/tools/bench` measures, compares with the last stored run, and writes the
numbers (JSON), a figure and the tables that the page on benchmarks shows, and the suites
that chapters draw (`bnlib/data/measured.json`).
"""
