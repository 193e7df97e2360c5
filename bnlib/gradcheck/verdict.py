"""The verdict on a gradient, and the set-ups in which there can be none."""

import contextlib
from dataclasses import dataclass

import numpy as np

from bnlib.arguments import ROUNDING, NonFiniteError, check_point, quiet
from bnlib.axes import Vector
from bnlib.gradcheck.differences import projection, spread
from bnlib.gradcheck.inputs import Claim, Function, MeaninglessCheckError, claim, value
from bnlib.gradcheck.slopes import SAFETY, Part, Slopes, parts, refine, vague

LEAST = 0.01  # of the change that shuffling x makes, what the gradient must predict


@dataclass(frozen=True)
class Verdict:
    """What `gradcheck` found. True in an ``if`` when the gradient is right.

    ``error`` is ``abs(claimed - numeric)`` at ``worst_index`` divided by ``size``, the
    largest entry of the numeric gradient. ``tolerance`` is 10 times the estimated error of
    the differences themselves, ``(rounding + truncation) / size``:

    - ``rounding = 2.2e-16 * (norm(w * y) + norm(x * gradient)) / step``: y and x are known
      to so many digits, and the difference is divided by the step;
    - ``truncation``: a third of the largest change that doubling the step makes, since the
      error of a central difference is proportional to the square of the step.

    All of this holds for ``x`` as a whole, and then for each part of it with one index on one
    axis: each column and each row, each channel. There ``size``, ``truncation`` and the
    norms are those of the part, and of the outputs that it moves. So a channel whose
    gradient is small is judged by its own size. The verdict is that of the whole unless a
    part is wrong; then, or if no step suits the whole, that of the worst part.
    """

    ok: bool
    worst_index: tuple[int, ...]
    claimed: float
    numeric: float
    error: float
    tolerance: float
    size: float
    step: float
    rounding: float
    truncation: float

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        place = ", ".join(map(str, self.worst_index))
        return (
            f"gradcheck: the gradient {'is right' if self.ok else 'is WRONG'}: "
            f"error {self.error:.2g}, tolerance {self.tolerance:.2g}\n"
            f"  worst at dx[{place}]: claimed {self.claimed:.6g}, numeric {self.numeric:.6g}\n"
            f"  error is relative to the largest gradient, {self.size:.3g}; tolerance = "
            f"{SAFETY:g} * (rounding {self.rounding:.2g} + truncation {self.truncation:.2g})"
            f" / {self.size:.3g}, at step {self.step:.2g}"
        )


@quiet
def gradcheck(
    f: Function, x: Vector, dx: Claim, *, step: float | None = None, seed: int = 0
) -> Verdict:
    """Compare a gradient with central differences of the loss ``sum(w * f(x))``.

    Parameters
    ----------
    f : function
        Takes an array like ``x`` and returns ``y``, float64, any shape. Called
        ``4 * x.size + 18`` times, and more often where steps are shrunk.
    x : ndarray, any shape, float64
        Not modified; ``f`` gets copies.
    dx : function or ndarray
        The backward pass: takes ``w``, an array like ``y`` (its ``dy``), returns the gradient
        like ``x``. Or the gradient itself, for ``w = projection(y.shape, seed)``.
    step : float, optional
        The default is 6e-6 (the cube root of float64's precision) times the standard
        deviation of ``x``, and less for channels whose differences that leaves too coarse,
        as those of a spread much below the others'.
    seed : int
        Draws ``w``.

    Returns
    -------
    Verdict

    Raises
    ------
    MeaninglessCheckError
        If no verdict would mean anything: the gradient is 0 or lost in rounding, or the error
        of the differences exceeds 1e-4, be it of the whole or of one channel (part with one
        index on one axis; not if ``y`` does not depend on it), ``f`` is random, or most of
        the gradient is below 1/100 of what ``y`` does when ``x`` is shuffled. Batch norm of
        N = 2 is of this kind: ``y`` is 1 and -1 wherever ``x`` is, but for eps and values
        that nearly coincide, so a backward pass returns the rounding of terms that cancel.
    TypeError, ValueError
        If ``x``, ``f(x)`` or ``dx`` is not float64, ``x`` or ``f(x)`` is not finite
        (`bnlib.arguments.NonFiniteError`), or a shape or ``step`` does not fit. A ``dx`` that
        is not finite is a wrong gradient, and gets its verdict.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0])
    >>> verdict = gradcheck(np.square, x, lambda w: 2 * x * w)
    >>> verdict.ok
    True
    >>> verdict = gradcheck(np.square, x, lambda w: np.array([2, 2, 4]) * x * w)
    >>> bool(verdict), verdict.worst_index
    (False, (2,))
    """
    op = "gradcheck"
    check_point(op, x)
    y = value(op, f, x)
    w = projection(y.shape, seed)
    claimed = claim(op, x, dx, w)
    if not np.array_equal(y, value(op, f, x)):
        raise MeaninglessCheckError(
            f"{op}: two calls of f gave different results; fix its random numbers by a seed"
        )
    usual = ROUNDING ** (1 / 3) * spread(x)
    slopes = Slopes(f, x, y, w, usual if step is None else step)
    if step is None:
        refine(slopes)
    _refuse_noise(op, slopes)
    _refuse_flat(op, f, x, y, w, slopes.numeric)
    whole, *others = (_judge(slopes, claimed, part) for part in parts(x.shape))
    one_step = slopes.steps.min() == slopes.steps.max()
    if one_step and (not whole or all(others)):
        return whole
    return max(whole, *others, key=lambda v: (not v, v.error / (v.tolerance or 1.0)))


def _judge(slopes: Slopes, claimed: Vector, part: Part) -> Verdict:
    """Return the verdict on a part of the gradient, by its own largest entry."""
    off = np.full(claimed.shape, -1.0)
    off[part] = abs(claimed - slopes.numeric)[part]
    off[np.isnan(off)] = np.inf
    worst = tuple(int(i) for i in np.unravel_index(off.argmax(), off.shape))
    size, step = float(abs(slopes.numeric[part]).max()), float(slopes.steps[worst])
    rounding = float(slopes.rounding[part].max())
    if not part:
        known = np.linalg.norm(slopes.w * slopes.y) + np.linalg.norm(slopes.x * slopes.numeric)
        rounding = float(ROUNDING * known / slopes.steps.min())
    truncation, unit = float(slopes.truncation[part].max()), size or 1.0
    error, tolerance = float(off[worst]) / unit, SAFETY * (rounding + truncation) / unit
    pair = float(claimed[worst]), float(slopes.numeric[worst])
    ok = error <= tolerance
    return Verdict(ok, worst, *pair, error, tolerance, size, step, rounding, truncation)


def _refuse_noise(op: str, slopes: Slopes) -> None:
    """Raise if the differences are too coarse for the size of the gradient, or of a part."""
    for part in vague(slopes):
        rounding, truncation = (
            float(a[part].max()) for a in (slopes.rounding, slopes.truncation)
        )
        size, noise = float(abs(slopes.numeric[part]).max()), SAFETY * (rounding + truncation)
        place = ", ".join(":" if isinstance(k, slice) else str(k) for k in part)
        where = f"of x[{place}]" if part else "of the loss"
        if size <= noise:
            raise MeaninglessCheckError(
                f"{op}: the gradient {where} is 0, or lost in rounding (largest entry "
                f"{size:.2g}, noise {noise:.2g}), so returning zeros would pass; give f the "
                "whole output instead of its sum, or check a part of x alone"
            )
        raise MeaninglessCheckError(
            f"{op}: the differences {where} are not exact enough (rounding {rounding:.2g}, "
            f"truncation {truncation:.2g}, largest gradient {size:.2g}); choose step with "
            "step_sweep, or move x away from a kink"
        )


def _refuse_flat(
    op: str, f: Function, x: Vector, y: Vector, w: Vector, numeric: Vector
) -> None:
    """Raise if shuffling ``x`` changes ``y`` far more than its gradient can explain."""
    rng = np.random.default_rng(0)
    values = [x.ravel()[::-1], *(rng.permutation(x.ravel()) for _ in range(15))]
    change = 0.0
    for z in values:
        with contextlib.suppress(NonFiniteError):  # f need not be defined everywhere
            moved = value(op, f, z.reshape(x.shape)) - y
            change = max(change, _typical_norm(w * moved))
    explained = spread(x) * _typical_norm(numeric)
    if explained < LEAST * change:
        raise MeaninglessCheckError(
            f"{op}: most of the gradient is nearly 0 though f is not flat: shuffling x changes "
            f"the loss by about {change:.2g}, where the gradient predicts {explained:.2g}; "
            "batch norm of N = 2 is so: use at least 4 samples, or another seed"
        )


def _typical_norm(a: Vector) -> float:
    """Return the norm of ``a`` if all its entries but zeros had their median size.

    One large entry, as where the two values of a channel are nearly equal, does not count.
    """
    sizes = abs(a[a != 0])
    return float(np.median(sizes) * np.sqrt(sizes.size)) if sizes.size else 0.0
