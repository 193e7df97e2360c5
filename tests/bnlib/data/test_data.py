"""The digits: split, standardized, seeded, and clear when scikit-learn is missing."""

import sys

import numpy as np
import pytest
from reference import assert_close
from refusals import Row, each_row
from sklearn.datasets import load_digits

from bnlib.data import bundled, digits

X, Y = load_digits(return_X_y=True)


def rows(*arrays):
    """Return the rows of some arrays in an order that depends on nothing but the rows."""
    return sorted(map(tuple, np.concatenate(arrays)))


@pytest.mark.parametrize("test_size", [10, 450, 1787])
def test_every_image_is_in_exactly_one_part(test_size):
    split = digits(standardize=False, test_size=test_size)
    assert split.x_test.shape == (test_size, 64)
    assert split.x_train.shape == (1797 - test_size, 64)
    assert (split.y_train.shape, split.y_test.shape) == ((1797 - test_size,), (test_size,))
    train, test = (np.column_stack([x * 16, y]) for x, y in (split[:2], split[2:4]))
    assert rows(train, test) == rows(np.column_stack([X, Y]))


def test_a_quarter_is_kept_for_the_test_by_default():
    assert len(digits().x_test) == 450
    np.testing.assert_equal(digits(), digits(0, True, 450))


def test_types_are_float64_and_int64():
    assert [part.dtype for part in digits()[:4]] == [np.float64, np.int64] * 2


@pytest.mark.parametrize("val_size", [10, 300, 1337])
def test_a_validation_part_is_taken_from_the_training_part(val_size):
    raw = {"standardize": False}
    split, without = digits(**raw, val_size=val_size), digits(**raw)
    assert split.x_val.shape == (val_size, 64)
    np.testing.assert_array_equal(split.x_test, without.x_test)
    train, val = ([*x.T, y] for x, y in (split[:2], split[4:]))
    assert rows(*map(np.transpose, (train, val))) == rows(
        np.transpose([*without.x_train.T, without.y_train])
    )
    assert np.abs(np.bincount(split.y_val) / val_size - np.bincount(Y) / len(Y)).max() < 0.05


def test_a_validation_part_is_standardized_by_the_training_part():
    raw, split = digits(standardize=False, val_size=300), digits(val_size=300)
    std = raw.x_train.std(axis=0)
    std[std == 0] = 1.0
    assert_close(split.x_val, (raw.x_val - raw.x_train.mean(axis=0)) / std)


def test_the_split_is_stratified():
    split = digits()
    shares = np.bincount(Y) / len(Y)
    for y in (split.y_train, split.y_test):
        assert np.abs(np.bincount(y) - shares * len(y)).max() <= 1


def test_standardized_pixels_have_mean_0_and_variance_1_over_the_training_part_alone():
    raw, split = digits(standardize=False), digits()
    constant = raw.x_train.std(axis=0) == 0
    assert constant.sum() >= 3
    assert_close(split.x_train.mean(axis=0), np.zeros(64), size=1.0)
    assert_close(split.x_train.var(axis=0), np.where(constant, 0.0, 1.0))
    assert not split.x_train[:, constant].any()
    mean, std = raw.x_train.mean(axis=0), np.where(constant, 1.0, raw.x_train.std(axis=0))
    assert_close(split.x_test, (raw.x_test - mean) / std)
    assert np.abs(split.x_test.mean(axis=0)).max() > 0.01
    np.testing.assert_array_equal(split.y_test, raw.y_test)


def test_the_seed_chooses_the_split():
    np.testing.assert_equal(digits(seed=3), digits(seed=3))
    assert (digits(seed=3).y_test != digits(seed=4).y_test).any()


def test_who_changes_the_images_changes_them_for_nobody_else():
    for part in (changed := digits(val_size=300)):
        part[...] = 7
    for part, other in zip(digits(val_size=300), changed, strict=True):
        assert (part != other).any()


@each_row(
    Row(ValueError, "digits: test_size must lie between 10 and 1787, got {0}; every part ...",
        lambda size: digits(test_size=size), (9, 1788, 0, -1)),
    Row(TypeError, "digits: test_size must be an integer, got {0!r}; every part ...",
        lambda size: digits(test_size=size), (0.25, float("nan"), True)),
    Row(ValueError, "digits: val_size must lie between 10 and 1337, got {0}; 0 makes no ...",
        lambda size: digits(val_size=size), (-10, 9, 1338)),
)  # fmt: skip
def test_all_parts_need_every_class(row, bad):
    row.check(*bad)


@pytest.mark.parametrize("missing", ["sklearn.datasets", "sklearn.model_selection"])
def test_a_missing_scikit_learn_is_named_with_the_cure(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    bundled._split.cache_clear()
    message = "digits: the images ship with scikit-learn, which is missing; install it"
    with pytest.raises(ModuleNotFoundError, match=message) as caught:
        digits()
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
