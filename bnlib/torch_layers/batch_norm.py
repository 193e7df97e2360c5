"""The modules: state, mode and checks around `bnlib.torch_layers.function.normalize`."""

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bnlib.torch_layers.function import normalize, values_per_channel


class _OwnForward(_BatchNorm):
    """Batch normalization over every axis but axis 1, with torch's state and our arithmetic.

    Stands before torch's module among the bases of ours: the constructor, the state and how
    it is saved are torch's, so that a state moves both ways and torch's utilities know the
    layer as what it replaces.
    """

    ranks: tuple[int, ...] = ()
    shapes = ""

    def forward(self, input: Tensor) -> Tensor:
        """Normalize ``input``; by its own batch in training mode or without statistics."""
        if isinstance(input, fx.Proxy) and (path := input.tracer.path_of_module(self)):
            return input.tracer.create_proxy("call_module", path, (input,), {})
        self._check_input_dim(input)
        if input.is_mkldnn:
            return self.forward(input.to_dense()).to_mkldnn()
        by_batch = self.training or (self.running_mean is None and self.running_var is None)
        self._check(input, by_batch)
        y, mean, var, m = self._normalize(input, by_batch)
        if self.training and self.track_running_stats:
            self._track(mean, var, m)
        return y

    def _normalize(self, x: Tensor, by_batch: bool) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return y, the statistics that made it, and the number of values behind these."""
        m = values_per_channel(x)
        if by_batch and m == 1:
            raise ValueError(
                f"{type(self).__name__}: needs more than 1 value per channel when training, "
                f"got an input of shape {tuple(x.shape)}; use a larger batch or eval()"
            )
        mean, var = (None, None) if by_batch else (self.running_mean, self.running_var)
        return *normalize(x, self.weight, self.bias, mean, var, self.eps), m

    def __prepare_scriptable__(self) -> nn.Module:
        """Refuse ``torch.jit.script``, which calls this first."""
        raise NotImplementedError(
            f"{type(self).__name__}: torch.jit.script is not supported; use torch.export, "
            "torch.compile or torch.jit.trace, or load the state into torch.nn's module"
        )

    def _check_input_dim(self, input: Tensor) -> None:
        """Raise unless ``input`` is a tensor of a rank that this module takes."""
        op = type(self).__name__
        if not isinstance(input, Tensor):
            raise TypeError(
                f"{op}: expected a Tensor, got {type(input).__name__}; "
                "convert it with torch.as_tensor"
            )
        if input.ndim not in self.ranks:
            raise ValueError(
                f"{op}: expected an input of shape {self.shapes}, got {tuple(input.shape)}; "
                "add the batch axis with x[None], or use the module of that rank"
            )

    def _check(self, x: Tensor, by_batch: bool) -> None:
        """Raise for what torch refuses, with torch's exceptions, before anything changes."""
        op = type(self).__name__
        if not x.is_floating_point():
            raise NotImplementedError(
                f"{op}: not implemented for {x.dtype}; convert the input with x.float()"
            )
        if self.eps < 0 or (by_batch and self.eps == 0):
            raise ValueError(
                f"{op}: eps must be positive in training and not negative in evaluation, "
                f"got {self.eps}; use 1e-5"
            )
        if not by_batch and (self.running_mean is None or self.running_var is None):
            raise RuntimeError(
                f"{op}: evaluation needs running_mean and running_var, got only one of them; "
                "set both, or neither"
            )
        for name in ("weight", "bias", "running_mean", "running_var"):
            self._check_state(name, getattr(self, name), x)

    def _check_state(self, name: str, value: Tensor | None, x: Tensor) -> None:
        """Raise unless a parameter or a buffer is absent or fits the input."""
        op = type(self).__name__
        if value is None:
            return
        traced = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        if not traced and value.numel() != x.shape[1]:  # a trace would keep the comparison
            raise RuntimeError(
                f"{op}: {name} holds {value.numel()} channels, got an input of shape "
                f"{tuple(x.shape)} with {x.shape[1]} on axis 1; check num_features"
            )
        half = x.dtype in (torch.float16, torch.bfloat16)
        if value.dtype != x.dtype and not (half and value.dtype == torch.float32):
            raise RuntimeError(
                f"{op}: {name} has {value.dtype}, the input {x.dtype}; mixed dtypes must be a "
                "half-precision input and float32 parameters: use x.to or module.to"
            )

    def _track(self, mean: Tensor, var: Tensor, m: int) -> None:
        """Move the running statistics towards the batch's; unbiased variance."""
        count = self.num_batches_tracked
        factor: float | Tensor = 0.0 if self.momentum is None else self.momentum
        if self.momentum is None and count is not None:
            factor = 1 / (count + 1).to(mean.dtype)
        for running, value in (self.running_mean, mean), (self.running_var, var * m / (m - 1)):
            if running is not None and m > 0:
                new = (1 - factor) * running.to(value.dtype) + factor * value
                running.copy_(_unwrapped(new, running))
        if count is not None:
            count.add_(1)


def _unwrapped(value: Tensor, target: Tensor) -> Tensor:
    """Return ``value`` as ``target`` can take it: functionalize wraps no captured buffer."""
    if torch.compiler.is_compiling() or torch._is_functional_tensor(target):
        return value
    if torch._is_functional_tensor(value):
        torch._sync(value)  # type: ignore[attr-defined, no-untyped-call]
        return torch._from_functional_tensor(value)
    return value


class BatchNorm1d(_OwnForward, nn.BatchNorm1d):
    """Twin of ``torch.nn.BatchNorm1d``, for inputs of shape (N, C) or (N, C, L).

    Parameters
    ----------
    num_features : int
        Number of channels, C.
    eps : float
        Added to the variance inside the root.
    momentum : float or None
        Weight of the **new** value, ``running = (1 - momentum) * running + momentum * batch``.
        ``None`` takes 1, 1/2, 1/3, ..., the plain average of all batches.
    affine, track_running_stats : bool
        Learn weight and bias; keep running statistics. Without these, evaluation uses the
        batch's, too.
    device, dtype, bias
        As in ``torch.nn.BatchNorm1d``.

    Attributes
    ----------
    weight, bias : Parameter, shape (C,), or None
    running_mean, running_var : Tensor, shape (C,), or None
        The running variance averages *unbiased* batch variances, m / (m - 1).
    num_batches_tracked : Tensor, shape (), int64, or None

    Raises
    ------
    ValueError
        From a call: another rank, one value per channel in training, eps not positive.
    RuntimeError
        Another number of channels, or another dtype than the parameters'. float16 and
        bfloat16 inputs may meet float32 parameters.
    NotImplementedError
        An input that is not real floating point.
    TypeError
        An input that is not a tensor (torch: ``AttributeError``).

    Notes
    -----
    Statistics of float16 and bfloat16 inputs are computed in float32. A variance that its
    dtype cannot hold is infinite; then the result is the bias, as in torch. NaN passes
    through, and into the running statistics, as in torch. An empty batch changes nothing
    but the count of batches. An error changes nothing at all (torch counts the batch first).
    There is no unbatched input: torch reads (C, L) as (N, C), and so do we.

    The layer is plain torch operations. Derivatives of any order, `torch.func`,
    `torch.compile`, `torch.export`, `make_fx`, fake tensors, saved traces and both ONNX
    exporters therefore work as for torch's layer, with any size free, but for these:

    - ``torch.jit.script`` is refused; take `torch.export`, `torch.compile` or
      `torch.jit.trace`.
    - The fusers and quantizers of `torch.ao` and `torch.fx` ask for torch's own types. Those
      that trace leave the layer as it is; ``fuse_modules`` refuses it, but in evaluation
      takes ``fuse_custom_config_dict={"additional_fuser_method_mapping": {(nn.Conv2d,
      BatchNorm2d): fuse_conv_bn}}``; ``fuse_modules_qat`` needs the state in torch's module.
      `fold` and ``torch.nn.utils.fuse_conv_bn_eval`` take the layer.
    - An ONNX file holds two products and two sums for a layer, where torch's holds one
      ``BatchNormalization``, or nothing after a convolution; `fold` first.

    On one thread of a CPU, training and evaluation take 2 to 4 times as long as with torch's
    layer; under `torch.compile` 1 to 1.5 times, but training on (N, C) twice as long.

    Ioffe & Szegedy (2015), Algorithms 1 and 2.

    Examples
    --------
    >>> layer = BatchNorm1d(1, momentum=0.5)
    >>> layer(torch.tensor([[0.0], [4.0]])).detach().round(decimals=4).tolist()
    [[-1.0], [1.0]]
    >>> layer.running_mean.item(), layer.running_var.item()
    (1.0, 4.5)
    """

    ranks, shapes = (2, 3), "(N, C) or (N, C, L)"


class BatchNorm2d(_OwnForward, nn.BatchNorm2d):
    """Twin of ``torch.nn.BatchNorm2d``, for inputs of shape (N, C, H, W).

    Parameters, attributes, errors and notes as in `BatchNorm1d`. A channels-last input
    gives a channels-last result.

    Examples
    --------
    >>> BatchNorm2d(3)(torch.ones(2, 3, 4, 4)).abs().max().item()
    0.0
    """

    ranks, shapes = (4,), "(N, C, H, W)"


class BatchNorm3d(_OwnForward, nn.BatchNorm3d):
    """Twin of ``torch.nn.BatchNorm3d``, for inputs of shape (N, C, D, H, W).

    Parameters, attributes, errors and notes as in `BatchNorm1d`. A channels-last input
    gives a channels-last result.

    Examples
    --------
    >>> BatchNorm3d(3)(torch.ones(2, 3, 4, 4, 4)).abs().max().item()
    0.0
    """

    ranks, shapes = (5,), "(N, C, D, H, W)"
