"""What every layer has: parameters, a mode, a state that can be saved and loaded."""

from collections.abc import Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np
import numpy.typing as npt

from bnlib.arguments import check_real
from bnlib.axes import Array

Kept = TypeVar("Kept")
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

    A layer may hold others in its attributes, also in lists, tuples and dictionaries there.
    Mode, parameters and state are then those of all of them; ``self.bn = BatchNorm(4)``
    has the parameter ``bn.weight``. A shared layer counts once, by its first name.
    """

    _busy = False  # while `train` is on its way through the layers within

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
        """Set training mode (or, with ``False``, evaluation mode) and return the layer.

        Calls ``train`` of the layers in it.
        """
        self.training = bool(mode)
        if not self._busy:  # else this layer is inside itself
            self._busy = True
            try:
                for _, layer in self.inner_layers():
                    layer.train(mode)
            finally:
                del self._busy
        return self

    def eval(self) -> Self:
        """Set evaluation mode and return the layer."""
        return self.train(False)

    def inner_layers(self) -> Iterator[tuple[str, "Layer"]]:
        """Yield the layers in this one's attributes with their names, such as ``blocks.0``."""
        for name, value in vars(self).items():
            yield from _layers_in(value, name)

    def named_layers(self) -> dict[str, "Layer"]:
        """Return this layer, by the name "", and all within it, outermost first, each once."""
        layers: dict[str, Layer] = {}
        rest: list[tuple[str, Layer]] = [("", self)]
        while rest:
            at, layer = rest.pop()
            if not any(layer is known for known in layers.values()):
                layers[at] = layer
                inner = [(_joined(at, name), one) for name, one in layer.inner_layers()]
                rest += reversed(inner)
        return layers

    def own_parameters(self) -> dict[str, Parameter]:
        """Return the parameters in this layer's own attributes, by PyTorch's names."""
        return {k: p for k, p in vars(self).items() if isinstance(p, Parameter)}

    def own_buffers(self) -> State:
        """Return what this layer itself keeps but does not train, by PyTorch's names."""
        return {}

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters of this layer and all within it, by PyTorch's names."""
        parameters: dict[str, Parameter] = {}
        for at, layer in self.named_layers().items():
            for name, parameter in layer.own_parameters().items():
                if not any(parameter is known for known in parameters.values()):
                    parameters[_joined(at, name)] = parameter
        return parameters

    def named_buffers(self) -> State:
        """Return what is kept but not trained, by PyTorch's names."""
        return {
            _joined(at, name): array
            for at, layer in self.named_layers().items()
            for name, array in layer.own_buffers().items()
        }

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

    def inner_layers(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers with their places as names, as PyTorch does."""
        for name, layer in super().inner_layers():
            yield name.removeprefix("layers."), layer


def _layers_in(value: object, at: str) -> Iterator[tuple[str, Layer]]:
    """Yield the layers that an attribute holds, with their names."""
    if isinstance(value, Layer):
        yield at, value
    elif isinstance(value, dict | list | tuple):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, one in pairs:
            yield from _layers_in(one, f"{at}.{key}")


def _joined(at: str, name: str) -> str:
    """Return the name of what is ``name`` in the layer ``at``."""
    return f"{at}.{name}" if at else name


def need_forward(layer: Layer, kept: Kept | None) -> Kept:
    """Return what ``forward`` kept, or raise ``RuntimeError`` if none came before."""
    if kept is None:
        name = type(layer).__name__
        raise RuntimeError(
            f"{name}.backward: no forward pass came before; call {name}(x) first"
        )
    return kept


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
