"""`make bench`: a layer in several processes."""

from bench import devices, report

ROW = {
    "processes": 2, "shape": [8, 3, 6, 6], "ms": {"BatchNorm2d": 1.5, "SyncBatchNorm": 4.5},
    "bytes": {"gradients": 24, "statistics": 104},
}  # fmt: skip
SUITE = {"settings": {"rounds": 3, "load": [0.1, 0.2], "cores": 2}, "rows": [ROW]}


def test_what_is_sent_is_counted_and_the_rest_is_measured():
    suite = devices.measure((2,), ((4, 3, 2, 2), (2, 5, 2, 2)), rounds=2)
    rows = suite["rows"]
    assert [(r["processes"], r["shape"][1]) for r in rows] == [(2, 3), (2, 5)]
    assert [r["bytes"]["gradients"] for r in rows] == [24, 40]  # 2 C, float32
    assert [r["bytes"]["statistics"] for r in rows] == [104, 168]  # 4 C + 1, float64
    assert all(ms > 0 for r in rows for ms in r["ms"].values())
    assert set(suite["settings"]) == {"rounds", "load", "cores"}


def test_the_table_has_a_line_for_each_number_of_processes():
    assert list(devices.cells(SUITE)) == [["2", "8×3×6×6", "1.5", "4.5", "3.00", "24", "104"]]
    text = str(list(report.sections({"times": [], "devices": SUITE})))
    assert "with a load of 0.1 before and 0.2 after" in text
    assert "8×3×6×6" in text
