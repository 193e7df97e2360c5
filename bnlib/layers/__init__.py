"""NumPy layers that hold parameters, running statistics and a mode."""

from bnlib.layers.base import Layer, Parameter, Sequential
from bnlib.layers.basic import Linear, ReLU, Sigmoid, Tanh
from bnlib.layers.batch_norm import BatchNorm
from bnlib.layers.conv import Conv2d
from bnlib.layers.pool import Flatten, MaxPool2d
from bnlib.layers.training import SGD, softmax_cross_entropy

__all__ = [
    "SGD",
    "BatchNorm",
    "Conv2d",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool2d",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "softmax_cross_entropy",
]
