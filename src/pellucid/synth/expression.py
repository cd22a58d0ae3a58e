"""Arithmetic in a recipe's text: ``size * 0.4 + 2``, ``size * cos(turn * k)``. Numbers, names, nothing else."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from pellucid.core.errors import BadInput, near

_TWO: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_ONE: dict[type, Callable[[Any], Any]] = {ast.USub: operator.neg, ast.UAdd: operator.pos}
_CALLS: dict[str, Callable[..., float]] = {
    "sin": lambda degrees: math.sin(math.radians(degrees)),
    "cos": lambda degrees: math.cos(math.radians(degrees)),
    "sqrt": math.sqrt,
    "min": min,
    "max": max,
    "abs": abs,
    "floor": math.floor,
}

#: Longer texts are no arithmetic.
_MOST = 200


def value(text: object, names: Mapping[str, object], where: str) -> float:
    """The number that a text stands for, with the drawn values by name; a number is itself. Angles are in degrees."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return _finite(float(text), text, where)
    if not isinstance(text, str) or len(text) > _MOST:
        raise BadInput(f"{text!r} is no number", where=where, cure="write a number, or arithmetic in quotes")
    try:
        found = _walk(ast.parse(text, mode="eval").body, names)
    except BadInput as error:
        raise error.at(where) from None
    except (SyntaxError, ZeroDivisionError, OverflowError, ValueError, TypeError, RecursionError) as error:
        raise BadInput(f"{text!r} has no value ({error})", where=where, cure="write such as 'size * 0.4'") from error
    return _finite(found, text, where)


def _finite(number: float, text: object, where: str) -> float:
    if not math.isfinite(number):
        raise BadInput(f"{text!r} is {number}", where=where, cure="write something that is finite")
    return number


def _walk(node: ast.expr, names: Mapping[str, object]) -> float:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)
    if isinstance(node, ast.Name):
        found = names.get(node.id)
        if isinstance(found, int | float):
            return float(found)
        raise BadInput(
            f"there is no number {node.id!r}",
            cure=near(node.id, [n for n, v in names.items() if not isinstance(v, str)]),
        )
    if isinstance(node, ast.BinOp) and type(node.op) in _TWO:
        return _TWO[type(node.op)](_walk(node.left, names), _walk(node.right, names))
    if isinstance(node, ast.UnaryOp) and type(node.op) in _ONE:
        return _ONE[type(node.op)](_walk(node.operand, names))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        if node.func.id not in _CALLS:
            raise BadInput(f"there is no function {node.func.id!r}", cure=near(node.func.id, _CALLS))
        return float(_CALLS[node.func.id](*(_walk(a, names) for a in node.args)))
    raise BadInput(
        f"{ast.unparse(node)!r} is no arithmetic", cure="use numbers, names, + - * / % and " + ", ".join(_CALLS)
    )
