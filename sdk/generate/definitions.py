"""Reads the API table: the definitions in table/*.py, each of which is one method of both clients and one rpc."""

from __future__ import annotations

import ast
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from protos import Contract, Rpc

TABLE = Path(__file__).with_name("table")
MARKS = {"repeatable", "transfer"}


@dataclass(frozen=True)
class Domain:
    """One file of the table."""

    name: str
    doc: str
    imports: tuple[str, ...]
    """The import statements that the methods need."""
    methods: tuple[Method, ...]

    @property
    def mixin(self) -> str:
        return "".join(word.capitalize() for word in self.name.split("_")) + "Mixin"


@dataclass(frozen=True)
class Method:
    """One definition."""

    name: str
    parameters: ast.arguments
    returns: ast.expr
    doc: Doc
    marks: frozenset[str]
    wire: dict[str, str]
    """Expressions for request fields that are not simply the parameter of their name."""
    result: str | None
    """The expression for what is returned, unless it is simply the response's field."""
    rpc: Rpc

    @property
    def constant(self) -> str:
        return self.name.upper()

    @property
    def names(self) -> list[str]:
        """The names of the parameters, in order."""
        arguments = self.parameters
        extra = [arguments.kwarg] if arguments.kwarg else []
        return [argument.arg for argument in (*arguments.args, *arguments.kwonlyargs, *extra)]

    @property
    def has_timeout(self) -> bool:
        """Without it are methods whose keyword arguments are free."""
        return self.parameters.kwarg is None


@dataclass(frozen=True)
class Doc:
    """A docstring in its parts."""

    text: str
    arguments: dict[str, str]
    errors: dict[str, str]


def read(contract: Contract) -> list[Domain]:
    """All domains, by name.

    Exits when a definition does not fit the contract, or an rpc has none or two.
    """
    rpcs = {_key(rpc.name): rpc for rpc in contract.rpcs.values() if rpc.service == "PluginAPI"}
    domains = [_domain(path, rpcs) for path in sorted(TABLE.glob("*.py"))]
    defined = [_key(method.rpc.name) for domain in domains for method in domain.methods]
    if sorted(defined) != sorted(rpcs):
        sys.exit(f"rpcs without a definition, or with two: {sorted(set(rpcs) ^ set(defined)) or sorted(defined)}")
    return domains


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def _domain(path: Path, rpcs: dict[str, Rpc]) -> Domain:
    module = ast.parse(path.read_text(encoding="utf-8"), path)
    imports = [node for node in module.body if isinstance(node, ast.Import | ast.ImportFrom)]
    methods = [_method(node, rpcs) for node in module.body if isinstance(node, ast.FunctionDef)]
    return Domain(
        path.stem,
        ast.get_docstring(module) or sys.exit(f"{path} has no docstring"),
        tuple(ast.unparse(node) for node in imports if "notation" not in ast.unparse(node)),
        tuple(methods),
    )


def _method(node: ast.FunctionDef, rpcs: dict[str, Rpc]) -> Method:
    calls = {
        statement.value.func.id: statement.value
        for statement in node.body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
    }
    marks = frozenset(ast.unparse(mark) for mark in node.decorator_list)
    if node.returns is None or marks - MARKS or calls.keys() - {"wire", "result"} or _key(node.name) not in rpcs:
        sys.exit(f"{node.name} is no definition of an rpc")
    wire = {word.arg or "": ast.unparse(word.value) for word in calls["wire"].keywords} if "wire" in calls else {}
    result = ast.unparse(calls["result"].args[0]) if "result" in calls else None
    doc = _doc(inspect.cleandoc(ast.get_docstring(node) or sys.exit(f"{node.name} has no docstring")))
    return Method(node.name, node.args, node.returns, doc, marks, wire, result, rpcs[_key(node.name)])


def _doc(text: str) -> Doc:
    parts = re.split(r"^(Args|Raises):\n", text, flags=re.MULTILINE)
    sections = {name: _entries(body) for name, body in zip(parts[1::2], parts[2::2], strict=True)}
    return Doc(parts[0].strip(), sections.get("Args", {}), sections.get("Raises", {}))


def _entries(body: str) -> dict[str, str]:
    entries = re.findall(r"^    (\S+): (.*(?:\n        .*)*)", body, flags=re.MULTILINE)
    return {name.lstrip("*"): " ".join(text.split()) for name, text in entries}
