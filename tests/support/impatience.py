"""Finds what fails because the machine is busy: waits that are short, and bounds on time that has passed."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from support.patience import PATIENCE

CLOCKS = frozenset(("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time"))
WAITS = frozenset(("timeout", "wait_for", "fail_after"))
"""Functions of asyncio and anyio that fail when time is over; the time is the last argument, or is named."""
LIMITED = frozenset(
    (
        "AsyncClient",
        "HTTPConnection",
        "communicate",
        "connect",
        "create_connection",
        "fetch",
        "run",
        "runpytest_subprocess",
    )
)
"""What gives up when a named time is over."""
LIMITED_BY_PLACE = frozenset(("join", "result", "settimeout", "wait"))
"""The same, where the time may stand alone."""
AWAITED = 1.0
"""Seconds: a limit below this is one whose end a test waits for."""
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
"""What has names of its own."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Looks at one module.

    Attributes:
        constants: numbers by the names that they have in it.
        clocks: functions that return the time.
    """

    constants: Mapping[str, float] = field(default_factory=dict)
    clocks: frozenset[str] = CLOCKS

    def impatient(self, tree: ast.AST) -> Iterator[int]:
        """The lines that fail when the machine is slow: an upper bound on time that has passed, or a short wait."""
        if self._reads(tree, set()):  # which few modules do
            for node in ast.walk(tree):
                if isinstance(node, FUNCTIONS):
                    yield from self._bounds(node)
        yield from self._short_waits(tree)

    def _bounds(self, function: ast.AST) -> Iterator[int]:
        readings, passed = self._tainted(function)
        for node in ast.walk(function):
            if isinstance(node, ast.Assert):
                for compare in (part for part in ast.walk(node.test) if isinstance(part, ast.Compare)):
                    if any(self._bounds_time(less, more, readings, passed) for less, more in _ordered(compare)):
                        yield compare.lineno

    def _bounds_time(self, less: ast.expr, more: ast.expr, readings: set[str], passed: set[str]) -> bool:
        """Whether time that has passed has to be less than what is not measured as well, for that would be a ratio."""
        return self._has_passed(less, readings, passed) and not self._has_passed(more, readings, passed)

    def _tainted(self, function: ast.AST) -> tuple[set[str], set[str]]:
        """Names that hold readings of a clock, and names that hold time that has passed, or many of it."""
        readings: set[str] = set()
        passed: set[str] = set()
        before = -1
        while before < len(readings) + len(passed):
            before = len(readings) + len(passed)
            for names, value in _assigned(function):
                if self._has_passed(value, readings, passed):
                    passed |= names
                elif self._reads(value, readings):
                    readings |= names
        return readings, passed

    def _reads(self, node: ast.AST, readings: set[str]) -> bool:
        """Whether an expression has a reading of a clock in it."""
        return any(
            (isinstance(part, ast.Call) and _name(part.func) in self.clocks and not part.args)
            or (isinstance(part, ast.Name) and part.id in readings)
            for part in ast.walk(node)
        )

    def _has_passed(self, node: ast.AST, readings: set[str], passed: set[str]) -> bool:
        """Whether an expression has the difference of two readings in it."""
        return any(
            (isinstance(part, ast.BinOp) and isinstance(part.op, ast.Sub) and self._reads(part, readings))
            or (isinstance(part, ast.Name) and part.id in passed)
            for part in ast.walk(node)
        )

    def _short_waits(self, tree: ast.AST) -> Iterator[int]:
        """Waits of less than `PATIENCE`, but for those whose end is what is expected."""
        nodes = [(tree, False)]
        while nodes:
            node, expected = nodes.pop()
            if isinstance(node, ast.Call) and not expected and 0 < self._seconds(node) < PATIENCE:
                yield node.lineno
            expected = expected or _expects_time_out(node)
            nodes += [
                (child, expected and not isinstance(child, ast.excepthandler)) for child in ast.iter_child_nodes(node)
            ]

    def _seconds(self, call: ast.Call) -> float:
        """How long a call waits; 0 if it does not, or if that cannot be seen."""
        name = _name(call.func)
        named = [keyword.value for keyword in call.keywords if keyword.arg == "timeout"]
        placed = call.args[-1:] if name in WAITS | LIMITED_BY_PLACE else []
        seconds = self._number((named or placed)[0]) if named or placed else 0
        if name in WAITS:
            return seconds
        return seconds if seconds >= AWAITED and name in LIMITED | LIMITED_BY_PLACE else 0

    def _number(self, node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return node.value
        return self.constants.get(node.id, 0) if isinstance(node, ast.Name) else 0


def constants_of(tree: ast.Module) -> dict[str, float]:
    """The numbers that a module gives names to, be it as what a parameter is otherwise."""
    parameters = (node.args for node in ast.walk(tree) if isinstance(node, FUNCTIONS))
    return {name: value for one in parameters for name, value in _defaults(one)} | {
        target.id: float(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value.value, int | float)
    }


def _defaults(parameters: ast.arguments) -> Iterator[tuple[str, float]]:
    placed = zip([*parameters.posonlyargs, *parameters.args][::-1], parameters.defaults[::-1], strict=False)
    for parameter, value in (*placed, *zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)):
        if isinstance(value, ast.Constant) and isinstance(value.value, int | float):
            yield parameter.arg, float(value.value)


def clocks_of(tree: ast.Module) -> frozenset[str]:
    """The functions of a module that only return the time."""
    returned = ((node.name, node.body[-1]) for node in tree.body if isinstance(node, ast.FunctionDef))
    rules = Rules()
    return frozenset(
        name
        for name, last in returned
        if isinstance(last, ast.Return) and isinstance(last.value, ast.Call) and rules._reads(last.value, set())
    )


def imports_of(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The modules that a module takes names from, and the names."""
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name


def _assigned(function: ast.AST) -> Iterator[tuple[set[str], ast.expr]]:
    """What gets which value, whether by an assignment or because something is put into it."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign):
            named = (part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name))
            yield set(named), node.value
        elif isinstance(node, ast.NamedExpr):
            yield {node.target.id}, node.value
        elif isinstance(node, ast.Call) and node.args and (collection := _collection(node.func)):
            yield {collection}, node.args[0]


def _collection(function: ast.expr) -> str:
    """The name of what a method puts something into; empty if it is no such method."""
    if isinstance(function, ast.Attribute) and function.attr in ("append", "add", "put_nowait"):
        return _name(function.value)
    return ""


def _ordered(compare: ast.Compare) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Which side has to be less than which other for the comparison to hold."""
    sides = [compare.left, *compare.comparators]
    for (left, right), operation in zip(itertools.pairwise(sides), compare.ops, strict=True):
        if isinstance(operation, ast.Lt | ast.LtE):
            yield left, right
        elif isinstance(operation, ast.Gt | ast.GtE):
            yield right, left


def _expects_time_out(node: ast.AST) -> bool:
    """Whether a statement is there for a time-out in it."""
    if isinstance(node, ast.Try):
        return any(handler.type is not None and _names_time_out(handler.type) for handler in node.handlers)
    return isinstance(node, ast.With) and any(_awaits_time_out(item.context_expr) for item in node.items)


def _awaits_time_out(context: ast.expr) -> bool:
    return isinstance(context, ast.Call) and _name(context.func) in ("raises", "suppress") and _names_time_out(context)


def _names_time_out(node: ast.AST) -> bool:
    return any(_name(part) == "TimeoutError" for part in ast.walk(node))


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
