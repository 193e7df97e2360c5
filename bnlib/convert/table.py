"""The conventions of five libraries in one table, with where each was read.

PyTorch
    Page *BatchNorm2d* of the documentation; run with PyTorch 2.13.
Keras
    Page *BatchNormalization layer*; ``keras/src/layers/normalization/batch_normalization.py``;
    run with Keras 3.15.1 over JAX and over PyTorch. Older versions differ: keras-team/keras
    pull request 9028 (2018) and tensorflow/tensorflow issue 55545 (TensorFlow 2.8).
Flax
    Page *flax.linen.BatchNorm*; ``flax/linen/normalization.py``; run with Flax 0.12.8, both
    ``linen`` and ``nnx``.
MXNet
    apache/mxnet, ``python/mxnet/gluon/nn/basic_layers.py``,
    ``src/operator/nn/batch_norm.cc`` and ``batch_norm-inl.h``; read, not run.
Darknet
    pjreddie/darknet, ``src/batchnorm_layer.c`` (``forward_batchnorm_layer``) and
    ``src/blas.c`` (``variance_cpu``, ``normalize_cpu``), issue 1723 and pull request 17;
    read, not run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True)
class Convention:
    """How one library counts.

    The running statistics follow ``running = (1 - a) * running + a * value``. The weight of
    the new value, ``a``, is the library's momentum where ``weighs`` is "new", and
    ``1 - momentum`` where it is "old".

    Examples
    --------
    >>> CONVENTIONS["keras"].weighs, CONVENTIONS["keras"].eps
    ('old', 0.001)
    """

    momentum: float  # the default
    weighs: Literal["new", "old"]  # which value the library's momentum multiplies
    eps: float  # the default
    eps_place: Literal["inside", "outside"]  # sqrt(var + eps), or sqrt(var) + eps
    batch_var: Literal["biased", "unbiased"]  # what training divides by: 1/m, or 1/(m - 1)
    running_var: Literal["biased", "unbiased"]  # what the running variance averages
    initial: tuple[float, float]  # running mean and variance of a new layer
    channel_axis: int  # the default
    names: tuple[str, str, str, str]  # gamma, beta, running mean, running variance
    varies: str  # what depends on the version, the device or an option


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "torch": Convention(
            momentum=0.1, weighs="new", eps=1e-5, eps_place="inside",
            batch_var="biased", running_var="unbiased", initial=(0.0, 1.0), channel_axis=1,
            names=("weight", "bias", "running_mean", "running_var"),
            varies="momentum=None averages all batches alike: a = 1, 1/2, 1/3, ...",
        ),
        "keras": Convention(
            momentum=0.99, weighs="old", eps=1e-3, eps_place="inside",
            batch_var="biased", running_var="biased", initial=(0.0, 1.0), channel_axis=-1,
            names=("gamma", "beta", "moving_mean", "moving_variance"),
            varies="This is Keras 3. In Keras 2 the running variance was unbiased since 2018; "
            "in TensorFlow's own Keras 2 it is with fused=True, and biased without.",
        ),
        "flax": Convention(
            momentum=0.99, weighs="old", eps=1e-5, eps_place="inside",
            batch_var="biased", running_var="biased", initial=(0.0, 1.0), channel_axis=-1,
            names=("scale", "bias", "mean", "var"),
            varies="linen keeps scale and bias in the collection params, mean and var in "
            "batch_stats. use_fast_variance=True, the default, computes in one pass.",
        ),
        "mxnet": Convention(
            momentum=0.9, weighs="old", eps=1e-5, eps_place="inside",
            batch_var="biased", running_var="biased", initial=(0.0, 1.0), channel_axis=1,
            names=("gamma", "beta", "running_mean", "running_var"),
            varies="Gluon's layer on a CPU. The operator BatchNorm has eps=1e-3, the names "
            "moving_mean and moving_var, and fix_gamma=True, so that gamma stays 1.",
        ),
        "darknet": Convention(
            momentum=0.99, weighs="old", eps=1e-6, eps_place="outside",
            batch_var="unbiased", running_var="unbiased", initial=(0.0, 0.0), channel_axis=1,
            names=("scales", "biases", "rolling_mean", "rolling_variance"),
            varies="On a CPU; all numbers are constants in the code. Later revisions have eps "
            "inside the root, and one momentum 0.9; cuDNN is called with eps=1e-5.",
        ),
    }
)  # fmt: skip


def convention(op: str, framework: str) -> Convention:
    """Return one row of the table.

    Raises
    ------
    ValueError
        If ``framework`` is not in the table.

    Examples
    --------
    >>> convention("example", "flax").names
    ('scale', 'bias', 'mean', 'var')
    """
    if framework not in tuple(CONVENTIONS):
        raise ValueError(f"{op}: expected one of {tuple(CONVENTIONS)}, got {framework!r}")
    return CONVENTIONS[framework]
