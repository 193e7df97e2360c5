"""What every layer has: parameters, a mode, a state that can be saved and loaded."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from bnlib.arguments import check_real
from bnlib.axes import Array

State = dict[str, npt.NDArray[Any]]


class Parameter:
    """An array that is trained, ``value``, and its gradient, ``grad``, of the same shape."""

    def __init__(self, value: Array) -> None:
        self.value = value
        self.grad = np.zeros_like(value)

    def __repr__(self) -> str:
        return f"Parameter(shape={self.value.shape}, dtype={self.value.dtype})"


class Layer:
    """Base of all layers: ``forward`` and ``backward``, a mode, named state.

    ``backward`` belongs to the latest ``forward`` and overwrites each parameter's
    gradient. ``training`` is the mode; `train` and `eval` set it.
    """

    def __init__(self) -> None:
        self.training = True

    def __call__(self, x: Array) -> Array:
        """Return ``self.forward(x)``."""
        return self.forward(x)

    def forward(self, x: Array) -> Array:
        """Return the layer's output for the batch ``x``, first axis samples."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def backward(self, dy: Array) -> Array:
        """Set the parameters' gradients and return the gradient with respect to ``x``."""
        raise NotImplementedError(f"{type(self).__name__} defines no backward")

    def train(self, mode: bool = True) -> Self:
        """Set training mode (or, with ``False``, evaluation mode) and return the layer."""
        self.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode and return the layer."""
        return self.train(False)

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters by PyTorch's names."""
        return {}

    def named_buffers(self) -> State:
        """Return what is kept but not trained, by PyTorch's names."""
        return {}

    def parameters(self) -> list[Parameter]:
        """Return the parameters in order."""
        return list(self.named_parameters().values())

    def state_dict(self) -> State:
        """Return a copy of all parameters and buffers, by PyTorch's names."""
        return {name: array.copy() for name, array in self._state().items()}

    def load_state_dict(self, state: Mapping[str, npt.ArrayLike]) -> None:
        """Copy ``state`` in; all of it, or (after an error) none of it.

        The count of batches may be missing, as in states of PyTorch before 0.4.1; then the
        layer keeps its own.

        Raises
        ------
        ValueError
            If a name is missing or unknown, a shape differs, a value is not finite, or a
            running variance or a count is negative.
        TypeError
            If ``state`` is no mapping or NumPy cannot read a value as numbers, such as a
            tensor that requires a gradient or is bfloat16.
        """
        own = self._state()
        _check_names(type(self).__name__, own, state)
        new = {k: _check_value(k, state[k], own[k]) for k in own if k in state}
        for name, array in new.items():
            own[name][...] = array

    def _state(self) -> State:
        """Return the arrays themselves, by name."""
        return {k: p.value for k, p in self.named_parameters().items()} | self.named_buffers()


class Sequential(Layer):
    """Layers applied one after another.

    Examples
    --------
    >>> from bnlib.layers import Linear, ReLU, Sequential
    >>> net = Sequential(Linear(64, 10, seed=0), ReLU())
    >>> sorted(net.state_dict())
    ['0.bias', '0.weight']
    """

    def __init__(self, *layers: Layer) -> None:
        super().__init__()
        for layer in layers:
            if not isinstance(layer, Layer):
                raise TypeError(
                    f"Sequential: expected layers, got {type(layer).__name__}; "
                    "pass them one by one: Sequential(Linear(...), ReLU())"
                )
        self.layers = layers

    def forward(self, x: Array) -> Array:
        """Return the last layer's output."""
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, dy: Array) -> Array:
        """Call the layers' backward from last to first; return the gradient to the input."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def train(self, mode: bool = True) -> Self:
        """Set the mode of this and of every layer in it."""
        for layer in self.layers:
            layer.train(mode)
        return super().train(mode)

    def named_parameters(self) -> dict[str, Parameter]:
        """Return every layer's parameters as ``index.name``."""
        pairs = enumerate(self.layers)
        return {
            f"{i}.{k}": p for i, layer in pairs for k, p in layer.named_parameters().items()
        }

    def named_buffers(self) -> State:
        """Return every layer's buffers as ``index.name``."""
        pairs = enumerate(self.layers)
        return {f"{i}.{k}": b for i, layer in pairs for k, b in layer.named_buffers().items()}


def need_forward(layer: Layer, cache: object) -> None:
    """Raise ``RuntimeError`` when ``backward`` comes before any ``forward``."""
    if cache is None:
        name = type(layer).__name__
        raise RuntimeError(
            f"{name}.backward: no forward pass came before; call {name}(x) first"
        )


def _check_names(op: str, own: State, state: Mapping[str, Any]) -> None:
    """Raise unless ``state`` is a mapping with the layer's names, no more and no fewer."""
    if not isinstance(state, Mapping):
        raise TypeError(
            f"{op}.load_state_dict: expected a mapping of names to arrays, "
            f"got {type(state).__name__}; pass the result of state_dict()"
        )
    needed = {name for name in own if not name.endswith("num_batches_tracked")}
    missing = sorted(needed - state.keys())
    unknown = sorted(state.keys() - own.keys(), key=str)
    if missing or unknown:
        raise ValueError(
            f"{op}.load_state_dict: expected the names {sorted(own)}; missing {missing}, "
            f"unknown {unknown}; build the layer with the same options as the saved one"
        )


def _check_value(name: str, value: npt.ArrayLike, target: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return ``value`` as an array that fits ``target``, or say why it does not."""
    hint = "build the layer with the saved layer's width"
    array = check_real("load_state_dict", name, value, target.shape, hint)
    if name.endswith(("running_var", "num_batches_tracked")) and (array < 0).any():
        raise ValueError(f"load_state_dict: {name} cannot be negative, got {array.min()}")
    with np.errstate(all="ignore"):  # a cast that changes the value is refused below
        new = array.astype(target.dtype)
    if (target.dtype.kind == "i" and (new != array).any()) or not np.isfinite(new).all():
        raise ValueError(f"load_state_dict: {name} does not fit {target.dtype}, got {array}")
    return new
