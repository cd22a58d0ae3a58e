"""Operations as a network calls them, whatever the spelling: ``x + y``, ``x.add_(y)``, ``torch.add(x, y)``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils import _pytree as tree


def _kinds(**names: str) -> dict[str, str]:
    return {name: kind for kind, many in names.items() for name in many.split()}


#: What an operation is to a rule. Whatever stands in none of these is unknown, and says so.
KINDS = _kinds(
    # linear in the input, with weights
    weighted="linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d",
    # linear in the input, with weights that are fixed and nowhere negative
    average="""avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
        mean sum cumsum fold interpolate upsample upsample_nearest upsample_bilinear grid_sample""",
    sum="add sub",
    product="mul div",
    matmul="matmul bmm mm einsum",
    # one number in, one number out
    activation="""relu relu6 hardtanh hardsigmoid hardswish silu gelu mish elu celu selu leaky_relu prelu rrelu
        softplus softsign tanh tanhshrink hardshrink softshrink sigmoid logsigmoid threshold clamp clamp_min clamp_max
        clip exp expm1 log log1p sqrt rsqrt pow square abs reciprocal erf sin cos""",
    negation="neg negative",
    softmax="softmax log_softmax softmin",
    norm="batch_norm layer_norm group_norm instance_norm rms_norm normalize local_response_norm",
    # each number of the output is one number of the input, or none
    view="""view reshape flatten unflatten transpose permute swapaxes swapdims movedim moveaxis squeeze unsqueeze
        view_as reshape_as ravel bfloat16
        expand expand_as broadcast_to repeat repeat_interleave tile contiguous clone to float double half type type_as
        getitem get narrow select index_select gather take take_along_dim chunk split tensor_split unbind unfold roll
        flip rot90 t pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle
        dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout
        requires_grad_ setitem copy view_as_real masked_select""",
    # each number of the output is one number of the input, whichever is the largest
    maximum="""max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d max min
        amax amin maximum minimum topk sort""",
    # as a view, where numbers that do not come from the input may take part of the output
    joined="cat concat concatenate stack hstack vstack pad where masked_fill",
    compound="multi_head_attention_forward scaled_dot_product_attention addcmul baddbmm addmm",
)

#: What gives a share between nothing and all of a signal.
GATES = frozenset({"sigmoid", "hardsigmoid", "softmax"})

_ALIASES = {
    "true_divide": "div",
    "truediv": "div",
    "divide": "div",
    "subtract": "sub",
    "multiply": "mul",
    "linalg_matmul": "matmul",
    "linalg_vector_norm": "norm",
    "linalg_norm": "norm",
}
_ARITHMETIC = ("add", "sub", "mul", "div", "truediv", "matmul", "pow")


@dataclass(frozen=True)
class Call:
    """One operation of a forward pass.

    name: its plain name. operands: the tensors among its arguments that depend on the input, in order.
    layer: the module that called it. index: its place in the pass. reverse: the constant stands first
    (``1 - x``). in_place: it overwrites its first argument. first: no weights lie between the input and it.
    """

    name: str
    function: Callable[..., Any]
    args: tuple
    kwargs: Mapping[str, Any]
    operands: tuple[Tensor, ...]
    layer: str
    index: int
    reverse: bool
    in_place: bool
    first: bool = False

    @property
    def kind(self) -> str:
        """Its group in ``KINDS``."""
        return KINDS.get(self.name, "unknown")

    def __call__(self, *operands: Tensor) -> Any:
        """The operation on other operands, all else being the same."""
        return self.on({id(old): new for old, new in zip(self.operands, operands, strict=True)})

    def on(self, swapped: Mapping[int, Any]) -> Any:
        """The operation with arguments exchanged, which are told by their ``id``; none of them is overwritten."""
        args, kwargs = tree.tree_map(lambda leaf: swapped.get(id(leaf), leaf), (self.args, dict(self.kwargs)))
        if self.in_place:
            args = (args[0].clone(), *args[1:])
        return self.function(*args, **kwargs)

    @property
    def twice(self) -> bool:
        """Whether one operand stands in several places (``x * x``)."""
        return sum(isinstance(t, Tensor) and t.requires_grad for t in tensors_in(self)) > len(self.operands)

    def __str__(self) -> str:
        return f"operation {self.name} in layer {self.layer or '(the network itself)'}"


def spelled(function: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any]) -> tuple[str, bool, bool]:
    """An operation's plain name, whether its operands are reversed, and whether it overwrites its first one."""
    full = getattr(function, "__name__", str(function))
    name = full.strip("_")
    in_place = full.endswith("_") and not full.endswith("__")
    reverse = name == "rsub"
    if full.startswith("__") and name[1:] in _ARITHMETIC:
        in_place, reverse = name[0] == "i", name[0] == "r"
        name = name[1:]
    elif reverse:
        name = "sub"
    if full == "requires_grad_":
        return full, False, False
    place = _inplace_argument(function)
    if place is not None:
        in_place |= bool(kwargs.get("inplace", args[place] if len(args) > place else False))
    return _ALIASES.get(name, name), reverse, in_place


@functools.cache
def _inplace_argument(function: Callable[..., Any]) -> int | None:
    """Where ``inplace`` stands among a function's arguments; None where it has none."""
    try:
        names = list(inspect.signature(function).parameters)
    except (ValueError, TypeError):  # what is written in C says its name, not its signature
        return None
    return names.index("inplace") if "inplace" in names else None


# -- the linear ones ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Affine:
    """A linear operation with its weight apart: ``apply(x, weight)`` is the output without its bias.

    weight: None where it is fixed and nowhere negative. bias: as it is added, or None.
    bounds: the smallest and largest possible input, each of the input's shape; None where unknown.
    """

    apply: Callable[[Tensor, Tensor | None], Tensor]
    weight: Tensor | None = None
    bias: Tensor | None = None
    bounds: tuple[Tensor, Tensor] | None = None


def affine_of(call: Call) -> Affine | None:
    """A call that is linear in its one operand as an Affine; None where it is not of this form."""
    if call.kind == "average":
        if call.kwargs.get("mode") == "bicubic":  # has negative weights that no tensor holds
            return None
        return Affine(lambda x, _: call(x))
    if call.kind == "matmul":
        return _product_with_constant(call)
    x, weight, bias, rest, named = _weighted_arguments(call)
    if x is not call.operands[0] or len(call.operands) > 1:
        return None  # the weight itself depends on the input

    def apply(x: Tensor, weight: Tensor | None) -> Tensor:
        return call.function(x, weight, None, *rest, **named)

    if bias is not None and call.name != "linear":
        bias = bias.reshape(-1, *[1] * (weight.ndim - 2))
    return Affine(apply, weight, bias)


def _weighted_arguments(call: Call) -> tuple[Tensor, Tensor, Tensor | None, tuple, dict[str, Any]]:
    named = dict(call.kwargs)
    given = call.args[:3]
    missing = ("input", "weight", "bias")[len(given) :]
    x, weight, bias = (*given, *(named.pop(name, None) for name in missing))
    return x, weight, bias, call.args[3:], named


def tensors_in(call: Call) -> list[Tensor]:
    """All tensors among a call's arguments."""
    return [t for t in tree.tree_leaves((call.args, dict(call.kwargs))) if isinstance(t, Tensor)]


def _product_with_constant(call: Call) -> Affine | None:
    """``x @ w``, ``w @ x`` or an einsum of the two, where only ``x`` depends on the input."""
    if len(call.operands) != 1:
        return None
    (x,) = call.operands
    others = [t for t in tensors_in(call) if t is not x]
    return with_constant(call, x, others[0]) if len(others) == 1 else None


def with_constant(call: Call, x: Tensor, constant: Tensor) -> Affine:
    """A product of two tensors as an operation that is linear in the one and has the other as its weight."""

    def apply(new: Tensor, weight: Tensor | None) -> Tensor:
        return call.on({id(x): new, id(constant): weight})

    return Affine(apply, constant.detach())
