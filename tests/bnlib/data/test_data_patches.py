"""Patches of the photographs: where they lie, what they hold, what is refused."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from reference import assert_close
from refusals import Row, each_row
from sklearn.datasets import load_sample_images

from bnlib.data import patches, photographs

PHOTOS = np.stack(load_sample_images().images)  # china, flower; (2, 427, 640, 3)


@pytest.mark.parametrize(("size", "count"), [(1, 9), (2, 5), (8, 1), (31, 4), (427, 2)])
@pytest.mark.parametrize("color", [False, True])
def test_rows_are_patches_of_float64_between_0_and_1(size, count, color):
    rows = patches(size, color=color, count=count)
    assert rows.shape == (count, size * size * (3 if color else 1))
    assert rows.dtype == np.float64
    assert rows.min() >= 0
    assert rows.max() <= 1
    rows += 1  # a copy: the photographs' own memory is read-only


def colors(pixels):
    """Count the pixels of each colour; ``pixels`` of shape (..., 3), from 0 to 255."""
    numbers = np.rint(pixels).astype(np.int64) @ [65536, 256, 1]
    return np.unique_counts(numbers.ravel())


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("photo", [None, "china", "flower"])
def test_every_patch_of_both_photographs_or_of_one_is_drawn_exactly_once(photo, size):
    images = {None: PHOTOS, "china": PHOTOS[:1], "flower": PHOTOS[1:]}[photo]
    height, width = 428 - size, 641 - size  # of the region where patches start
    count = len(images) * height * width
    rows = patches(size, color=True, count=count, photo=photo)
    pictures = rows.reshape(count, size, size, 3) * 255
    for i in range(size):
        region = images[:, i : i + height, i : i + width]
        np.testing.assert_equal(colors(pictures[:, i, i]), colors(region))


def test_grey_is_the_luma_of_the_coloured_patch():
    """Pillow rounds the same weights to whole numbers."""
    color, grey = patches(16, color=True, count=50), patches(16, count=50)
    pictures = np.rint(color * 255).astype(np.uint8).reshape(50, 16, 16, 3)
    luma = [np.asarray(Image.fromarray(picture).convert("L")) for picture in pictures]
    assert np.abs(grey.reshape(50, 16, 16) * 255 - luma).max() < 0.51
    assert_close(grey.reshape(50, 16, 16), pictures @ [0.299, 0.587, 0.114] / 255, tol=1e-15)


def test_pixels_that_are_grey_keep_their_value_exactly():
    color, grey = patches(1, color=True, count=20_000), patches(1, count=20_000)
    neutral = (color == color[:, :1]).all(axis=1)
    assert neutral.sum() > 100
    np.testing.assert_array_equal(grey[neutral], color[neutral, :1])


def test_a_row_is_the_picture_in_the_order_of_imshow():
    row = patches(427, color=True, count=1, photo="china", seed=3)[0]
    picture = np.rint(row.reshape(427, 427, 3) * 255).astype(np.uint8)
    starts = [j for j in range(214) if np.array_equal(PHOTOS[0, :, j : j + 427], picture)]
    assert len(starts) == 1


@settings(max_examples=10)
@given(
    st.integers(1, 60),
    st.integers(1, 40),
    st.integers(0, 2**32),
    st.booleans(),
    st.sampled_from([None, "china", "flower"]),
)
def test_the_first_patches_do_not_depend_on_the_count(size, count, seed, color, photo):
    options = {"color": color, "seed": seed, "photo": photo}
    few, many = (patches(size, count=n, **options) for n in (count, count + 5))
    np.testing.assert_array_equal(few, many[:count])


def test_the_seed_chooses_the_patches():
    assert (patches(8, count=9, seed=1) != patches(8, count=9, seed=2)).any()
    np.testing.assert_array_equal(patches(8, count=9), patches(8, count=9, seed=0))
    generator = np.random.default_rng(7)
    first, second = (patches(8, count=9, seed=generator) for _ in range(2))
    np.testing.assert_array_equal(first, patches(8, count=9, seed=7))
    assert (first != second).any()


def test_defaults_are_ten_thousand_grey_patches_of_both():
    rows = patches(np.int64(3))
    assert rows.shape == (10_000, 9)
    np.testing.assert_array_equal(rows, patches(3, False, 10_000, 0, None))


@each_row(
    Row(ValueError, "patches: size must lie between 1 and 427, got {0}; the photographs ...",
        lambda size: patches(size, count=3), (0, 428)),
    Row(TypeError, "patches: size must be an integer, got {0!r}; the photographs ...",
        lambda size: patches(size, count=3), (8.0, True)),
    Row(ValueError, "patches: count must lie between 1 and 531720, got {0}; ... of size 8",
        lambda count: patches(8, count=count), (0, 531_721)),
    Row(TypeError, "patches: count must be an integer, got {0!r}; ... of size 8",
        lambda count: patches(8, count=count), ("9", np.True_)),
    Row(ValueError, "patches: photo must be 'china', 'flower' or None, got {0!r}; None ...",
        lambda photo: patches(8, photo=photo), ("china.jpg", 0)),
    Row(TypeError, "patches: color must be True or False, got {0!r}; False gives grey ...",
        lambda color: patches(8, color=color), ("grey", 1)),
    [Row(ValueError, f"patches: count must lie between 1 and {most}, got ... of size 427",
         lambda photo, most=most: patches(427, count=most + 1, photo=photo), (photo,))
     for photo, most in [(None, 428), ("china", 214)]],
)  # fmt: skip
def test_a_bad_call_is_refused(row, bad):
    row.check(*bad)


@pytest.mark.parametrize("missing", ["sklearn.datasets", "PIL"])
def test_a_missing_package_is_named_with_the_cure(monkeypatch, missing):
    monkeypatch.setitem(sys.modules, missing, None)
    photographs._decoded.cache_clear()
    message = "patches: the photographs ship with scikit-learn and Pillow reads them; one .*pip"
    with pytest.raises(ModuleNotFoundError, match=message) as caught:
        patches(8)
    assert isinstance(caught.value.__cause__, ImportError)
