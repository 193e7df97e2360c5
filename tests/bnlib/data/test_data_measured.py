"""What the figures of times in the chapters are drawn from: complete, and consistent."""

import numpy as np
import pytest
from refusals import Row, each_row

from bnlib.data import measured

WHITENING, FOLDING, DEVICES = map(measured, ("whitening", "folding", "devices"))
OPERATIONS = [
    "standardize", "covariance", "eigh", "apply", "cholesky",
    "newton_schulz_5", "newton_schulz_10",
]  # fmt: skip
STACKS = {"16-16-32-32": (16, 16, 32, 32), "8 × 32": (32,) * 8, "6 × 64": (64,) * 6}


def test_whitening_has_a_time_for_every_operation_and_dimension():
    assert list(WHITENING) == ["settings", "d", "ms", "slope"]
    assert WHITENING["d"] == [32, 64, 128, 256, 512, 1024]
    assert list(WHITENING["ms"]) == list(WHITENING["slope"]) == OPERATIONS
    for times in WHITENING["ms"].values():
        assert len(times) == 6
        assert all(isinstance(ms, float) and 0 < ms < 1e5 for ms in times)


def test_slopes_are_those_of_the_last_three_times():
    assert WHITENING["settings"]["slope_over"] == WHITENING["d"][-3:]
    x = np.log(WHITENING["d"][-3:])
    for op, times in WHITENING["ms"].items():
        fitted = np.polynomial.Polynomial.fit(x, np.log(times[-3:]), 1).convert().coef[1]
        assert WHITENING["slope"][op] == pytest.approx(fitted, abs=1e-3)


def test_products_of_matrices_grow_faster_than_standardization():
    """Between d and d**3, with room for caches and a machine that was not idle."""
    for op, slope in WHITENING["slope"].items():
        assert 0.5 < slope < 4.0, op
        if op.startswith(("eigh", "newton")):
            assert slope > WHITENING["slope"]["standardize"] + 0.5


def test_settings_say_how_it_was_measured():
    how = {"threads": 1, "clock": "CPU time"}
    for suite, own in [
        (WHITENING, {"samples": 2048, "dtype": "float64"}),
        (FOLDING, {"image": [1, 8, 8], "dtype": "float32", "interval": 0.95}),
    ]:
        assert suite["settings"] == suite["settings"] | how | own


def test_folding_has_every_stack_and_batch():
    assert list(FOLDING) == ["settings", "rows"]
    cases = [(row["stack"], row["batch"]) for row in FOLDING["rows"]]
    assert cases == [(stack, batch) for stack in STACKS for batch in (1, 32, 256)]


@pytest.mark.parametrize("row", FOLDING["rows"], ids=lambda r: f"{r['stack']}, {r['batch']}")
def test_the_ratio_lies_in_its_interval_and_multiply_adds_are_counted_by_formula(row):
    assert 0.2 < row["low"] <= row["ratio"] <= row["high"] < 5
    assert row["pairs"] >= 9
    assert 0 < row["folded_ms"] < 1e4
    channels = STACKS[row["stack"]]
    conv = sum(9 * a * b * 64 for a, b in zip((1, *channels), channels, strict=False))
    assert row["multiply_adds_after"] == conv
    assert row["multiply_adds_before"] == conv + 64 * sum(channels)


def test_devices_have_every_number_of_processes_and_shape():
    assert list(DEVICES) == ["settings", "rows"]
    cases = [(row["processes"], row["shape"][1]) for row in DEVICES["rows"]]
    assert cases == [(size, C) for size in (1, 2, 4) for C in (64, 512)]


@pytest.mark.parametrize(
    "row", DEVICES["rows"], ids=lambda r: f"{r['processes']}, {r['shape']}"
)
def test_statistics_are_4_c_and_1_numbers_of_8_bytes(row):
    C = row["shape"][1]
    alone = row["processes"] == 1
    assert row["bytes"] == {"gradients": 8 * C, "statistics": 0 if alone else 8 * (4 * C + 1)}
    assert list(row["ms"]) == ["BatchNorm2d", "SyncBatchNorm"]
    assert all(0 < ms < 1e4 for ms in row["ms"].values())


def test_an_answer_is_new_each_time():
    first = measured("folding")
    first["rows"].clear()
    first["settings"]["threads"] = 9
    assert measured("folding") == FOLDING


@each_row(
    Row(ValueError,
        "measured: name must be one of ('whitening', 'folding', 'devices'), got {0!r}; "
        "book/benchmarks.json holds the other parts of the run",
        measured, ("times", "Folding", "", None, ["whitening"])),
)  # fmt: skip
def test_another_name_is_refused(row, bad):
    row.check(*bad)
