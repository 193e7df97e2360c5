"""Batch normalization over one batch that several processes hold parts of."""

from functools import reduce
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.utils.parametrize import is_parametrized

from bnlib.passes.merging import combine
from bnlib.torch_layers.batch_norm import _OwnForward
from bnlib.torch_layers.function import UNIT, moments, scaled, values_per_channel, widened

Module = TypeVar("Module", bound=nn.Module)


class SyncBatchNorm(_OwnForward):
    """Drop-in for ``torch.nn.SyncBatchNorm`` on any backend, gloo on a CPU included.

    Parameters
    ----------
    num_features : int
        Number of channels, C, of inputs of shape (N, C, *spatial).
    eps, momentum, affine, track_running_stats, device, dtype, bias
        As in `BatchNorm1d`.
    process_group : ProcessGroup or None
        The processes whose batches count as one; ``None`` takes all.

    Attributes
    ----------
    weight, bias, running_mean, running_var, num_batches_tracked
        As in `BatchNorm1d`; equal bits in every process of the group, if they were.

    Raises
    ------
    ValueError
        If the group holds one value per channel in training; else as in `BatchNorm1d`.
    RuntimeError
        From `torch.distributed`, after the timeout of the group: another process died, or
        did not make the same call. The layer is as it was. Else as in `BatchNorm1d`.

    Notes
    -----
    A call in training sends ``2 C + 1`` float64 numbers to each process of the group: the
    count, mean and M2 (summed squared deviation) of the process's own part. All merge all
    parts by Chan, Golub & LeVeque (1983), in the order of ranks, so that all hold the same
    bits, whatever the backend. The backward pass sends ``2 C`` numbers, the gradients to the
    mean and to M2, and so does each further derivative. Parts may differ in size and be
    empty, but each process makes the same calls, forward and backward. In evaluation, or
    without an initialized process group, nothing is sent: it is plain batch normalization.

    ``y`` and the gradients to the input are those of one process with the whole batch (Ioffe
    & Szegedy 2015, Algorithm 1) and the sum of all losses. Those to weight and bias are
    of this process's part alone, as in torch; ``DistributedDataParallel`` averages them.

    It is no ``torch.nn.SyncBatchNorm``: that type ``DistributedDataParallel`` refuses on a
    CPU. Forward-mode derivatives, ``vmap`` and export are refused while values are sent.

    Examples
    --------
    >>> layer = SyncBatchNorm(1)  # alone, as here, it is `BatchNorm1d`
    >>> layer(torch.tensor([[0.0], [4.0]])).detach().round(decimals=4).tolist()
    [[-1.0], [1.0]]
    """

    ranks, shapes = tuple(range(2, 65)), "(N, C) or (N, C, *spatial)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        options = (eps, momentum, affine, track_running_stats, device, dtype)
        super().__init__(num_features, *options, bias=bias)
        self.process_group = process_group

    def _normalize(self, x: Tensor, by_batch: bool) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return y, the statistics that made it, and the number of values behind these."""
        group = group_of(self)
        if group is None:
            return super()._normalize(x, by_batch)
        if x.shape[1] != self.num_features:  # another length would kill the other processes
            raise RuntimeError(
                f"{type(self).__name__}: expected {self.num_features} channels on axis 1, got "
                f"an input of shape {tuple(x.shape)}; check num_features"
            )
        d, center, rest, var = moments(widened(x))
        m, mean, m2 = whole(x, center, rest, var, group)
        if m == 1:
            raise ValueError(
                f"{type(self).__name__}: needs more than 1 value per channel when training, "
                "got 1 in all processes together; use a larger batch or eval()"
            )
        var = m2 / max(1, m)
        y = scaled(d, (mean - center) / UNIT, var, self.weight, self.bias, self.eps)
        return y.to(x.dtype), mean.detach(), var.detach(), m

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """Call `bnlib.torch_layers.convert_sync_batchnorm`."""
        return convert_sync_batchnorm(module, process_group)


def group_of(layer: nn.Module) -> Any:
    """Return the processes that a layer shares its batch with; None where there are none."""
    if not (isinstance(layer, SyncBatchNorm) and layer.training):
        return None
    if not (dist.is_available() and dist.is_initialized()):
        return None
    group = layer.process_group or dist.group.WORLD
    return group if dist.get_world_size(group) > 1 else None


def whole(
    x: Tensor, center: Tensor, rest: Tensor, var: Tensor, group: Any
) -> tuple[int, Tensor, Tensor]:
    """Return count, mean and M2 of a group's values, or of ``x`` alone where it is None.

    In float64. ``center``, ``rest`` and ``var`` are what `moments` finds for ``x``.

    Examples
    --------
    >>> whole(torch.ones(3, 1), torch.ones(1), torch.zeros(1), torch.zeros(1), None)
    (3, tensor([1.], dtype=torch.float64), tensor([0.], dtype=torch.float64))
    """
    m = values_per_channel(x)
    part = m, center.double() + UNIT * rest.double(), m * var.double()
    return part if group is None else Merged.apply(*part, group)  # type: ignore[no-untyped-call]


def gathered(sent: Tensor, group: Any) -> list[Tensor]:
    """Return what each process has sent, in the order of their ranks."""
    sent = sent.contiguous()
    parts = [torch.empty_like(sent) for _ in range(dist.get_world_size(group))]
    dist.all_gather(parts, sent, group)
    return parts


class Merged(Function):
    """Count, mean and M2 of all processes' values from those of this one's."""

    @staticmethod
    def forward(m: int, mean: Tensor, m2: Tensor, group: Any) -> Any:
        """Send the own part; merge all of them by Chan's formula."""
        parts = gathered(torch.cat([mean.new_tensor([m]), mean, m2]), group)
        C = len(mean)
        triples: Any = ((int(p[0]), p[1 : C + 1], p[C + 1 :]) for p in parts)
        return reduce(lambda a, b: combine(*a, *b), triples)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep both means and both counts."""
        ctx.m, mean, _, ctx.group = inputs
        ctx.n, total, _ = output
        ctx.save_for_backward(mean, total)

    @staticmethod
    def backward(ctx: Any, _: None, dmean: Tensor, dm2: Tensor) -> Any:
        """Return the gradients to the own mean and M2, which every process's loss has."""
        mean, total = ctx.saved_tensors
        parts = torch.stack([dmean, dm2])
        dmean, dm2 = Summed.apply(parts, ctx.group)  # type: ignore[no-untyped-call]
        dmean = dmean * (ctx.m / max(1, ctx.n)) + dm2 * (2 * ctx.m * (mean - total))
        return None, dmean, dm2, None


class Summed(Function):
    """The sum over all processes. Its derivative is itself."""

    @staticmethod
    def forward(part: Tensor, group: Any) -> Tensor:
        """Send the own part; add all of them in the order of ranks."""
        return reduce(torch.add, gathered(part, group))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Tensor) -> None:
        """Keep the processes."""
        ctx.group = inputs[1]

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> Any:
        """Return the sum of the gradients."""
        return Summed.apply(dy, ctx.group), None  # type: ignore[no-untyped-call]


def convert_sync_batchnorm(module: Module, process_group: Any = None) -> Module:
    """Make every BatchNorm in a model a `SyncBatchNorm`, in place.

    Parameters
    ----------
    module : nn.Module
        Its layers of type BatchNorm1d/2d/3d and SyncBatchNorm, ours and torch's, change
        their type and nothing else: state, mode, hooks and the places that they are used in
        stay. (``torch.nn.SyncBatchNorm.convert_sync_batchnorm`` makes new layers, without
        hooks.) Convert before you wrap the model in ``DistributedDataParallel``.
    process_group : ProcessGroup or None
        As in `SyncBatchNorm`.

    Returns
    -------
    nn.Module
        ``module``.

    Raises
    ------
    TypeError
        If ``module`` is no module; if a layer has a forward of its own or a parametrization,
        which a conversion would lose, or is lazy. Then nothing has changed.

    Examples
    --------
    >>> model = convert_sync_batchnorm(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)))
    >>> [type(layer).__name__ for layer in model]
    ['Linear', 'SyncBatchNorm']
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            "convert_sync_batchnorm: module must be a PyTorch module, got "
            f"{type(module).__name__}; pass the model itself"
        )
    layers = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    for layer in layers:
        _check_convertible(layer)
    for layer in layers:
        layer.__class__ = SyncBatchNorm
        layer.process_group = process_group
    return module


def _check_convertible(layer: _BatchNorm) -> None:
    """Raise unless a layer is no more than batch normalization."""
    known = (_BatchNorm.forward, nn.SyncBatchNorm.forward, _OwnForward.forward)
    plain = getattr(layer.forward, "__func__", None) in known and not is_parametrized(layer)
    if not plain or isinstance(layer, LazyModuleMixin):
        raise TypeError(
            f"convert_sync_batchnorm: {type(layer).__name__} has a forward of its own or a "
            "parametrization, or is lazy; put a BatchNorm in its place, or call a lazy one once"
        )
