"""One readable training loop, and a sweep of it over learning rates and seeds."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from bnlib.arguments import NonFiniteError, check_integer, quiet
from bnlib.axes import Array
from bnlib.data import Split
from bnlib.layers import SGD, Layer, softmax_cross_entropy

Result = TypeVar("Result")


@dataclass
class History:
    """What a run left behind: the loss of every step, the accuracy now and then."""

    loss: list[float] = field(default_factory=list)  # nats, one a step
    steps: list[int] = field(default_factory=list)  # steps done at each evaluation
    accuracy: list[float] = field(default_factory=list)  # on validation or test, see `fit`
    diverged: bool = False  # the loss or a statistic stopped being finite

    @property
    def final_accuracy(self) -> float:
        """The last measured accuracy; 0 where the run diverged."""
        return 0.0 if self.diverged else self.accuracy[-1]

    def steps_to(self, target: float) -> float:
        """Return the steps until the accuracy first reached ``target``; infinite if never."""
        reached = (s for s, a in zip(self.steps, self.accuracy, strict=True) if a >= target)
        return next(reached, float("inf"))


@quiet
def fit(
    model: Layer,
    data: Split,
    lr: float,
    steps: int,
    batch_size: int = 64,
    seed: int = 0,
    eval_every: int | None = None,
    weight_decay: float = 0.0,
    progress: bool = True,
) -> History:
    """Train ``model`` by plain SGD on mini-batches; stop early if it diverges.

    Parameters
    ----------
    model : Layer
        Left in evaluation mode.
    data : Split
        The accuracy is that in evaluation mode on the validation part, where there is one,
        and else on the test part.
    lr, weight_decay : float
        As in `SGD`.
    steps, batch_size : int
        Each epoch is a new order of the training part; its ragged last batch is left out.
    seed : int
        Chooses the order of the batches.
    eval_every : int or None
        Steps between evaluations; ``None`` evaluates once, at the end.
    progress : bool
        Show a bar where tqdm is installed (the variable ``TQDM_DISABLE=1`` hides it).

    Raises
    ------
    TypeError, ValueError
        If there are no steps or no full batch, or not a whole number of them.
    """
    n, hint = len(data.x_train), "a batch is a part of the training part"
    check_integer("fit", "steps", steps, 1, "each step takes one batch")
    check_integer("fit", "batch_size", batch_size, 1, hint, most=n)
    optimizer = SGD(model.parameters(), lr, weight_decay=weight_decay)
    history = History()
    held_out = (data.x_test, data.y_test) if data.x_val is None else (data.x_val, data.y_val)
    batches = mini_batches(n, batch_size, steps, seed)
    for step, rows in enumerate(_bar(batches, progress, total=steps), start=1):
        try:
            loss = train_step(model, optimizer, data.x_train[rows], data.y_train[rows])
            history.loss.append(loss)
            if step == steps or (eval_every and step % eval_every == 0):
                history.accuracy.append(accuracy(model, *held_out))
                history.steps.append(step)  # only where there is an accuracy
        except NonFiniteError:
            loss = np.nan
        if not np.isfinite(loss):
            history.diverged = True
            break
    model.eval()
    return history


def train_step(model: Layer, optimizer: SGD, x: Array, y: Any) -> float:
    """Do one forward pass, one backward pass and one update; return the batch's loss."""
    model.train()
    loss, dlogits = softmax_cross_entropy(model(x), y)
    model.backward(dlogits)
    optimizer.step()
    return loss


@quiet
def accuracy(model: Layer, x: Array, y: Any) -> float:
    """Return the share of samples classified right in evaluation mode; keep the mode."""
    was_training = model.training
    try:
        predicted = model.eval()(x).argmax(axis=1)
    finally:
        model.train(was_training)
    return float((predicted == y).mean())


def mini_batches(n: int, batch_size: int, steps: int, seed: int) -> Iterator[Any]:
    """Yield ``steps`` arrays of ``batch_size`` row numbers, epoch after epoch reshuffled.

    Examples
    --------
    >>> [len(rows) for rows in mini_batches(n=10, batch_size=4, steps=3, seed=0)]
    [4, 4, 4]
    """
    rng = np.random.default_rng(seed)
    per_epoch = n // batch_size
    for step in range(steps):
        if step % per_epoch == 0:
            order = rng.permutation(n)
        start = step % per_epoch * batch_size
        yield order[start : start + batch_size]


def sweep(
    run: Callable[[float, int], Result],
    rates: Iterable[float],
    seeds: Iterable[int],
    progress: bool = True,
    workers: int = 1,
) -> list[list[Result]]:
    """Return ``run(rate, seed)`` for every pair: a row a rate, a column a seed.

    More than one of ``workers`` are processes of joblib, which comes with scikit-learn. They
    get copies: what a run changes outside its result is lost.

    Raises
    ------
    TypeError, ValueError
        If ``workers`` is not a positive integer.

    Examples
    --------
    >>> sweep(lambda lr, seed: lr + seed, rates=[0.5, 1.0], seeds=[0, 1], progress=False)
    [[0.5, 1.5], [1.0, 2.0]]
    """
    check_integer("sweep", "workers", workers, 1, "each is a process")
    rates, seeds = list(rates), list(seeds)
    pairs = [(lr, seed) for lr in rates for seed in seeds]
    finished: Iterable[Result] = (run(*pair) for pair in pairs)
    if workers > 1:
        from joblib import Parallel, delayed

        jobs = Parallel(workers, return_as="generator")
        finished = jobs(delayed(run)(*pair) for pair in pairs)
    results = list(_bar(finished, progress, total=len(pairs)))
    return [results[i * len(seeds) : (i + 1) * len(seeds)] for i in range(len(rates))]


def _bar(items: Iterable[Any], progress: bool, total: int) -> Iterable[Any]:
    """Wrap ``items`` in a progress bar that vanishes, if wanted and tqdm is there."""
    if not progress:
        return items
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return items
    return tqdm(items, total=total, leave=False)
