"""Writes mattermost_plugin/api: the rpcs, and both clients' methods from the API table, domain by domain."""

from __future__ import annotations

import ast
import copy
import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from definitions import Domain, Method
from glossary import PARAMETERS
from model_code import model_name
from protos import Field

COMMON_DOC = """
    Every method is one rpc, and the first call connects. A failure is a `PluginAPIError`, whether the host tells it in
    the response or with a gRPC status. A call takes at most `timeout=` seconds, by default the client's; one that only
    reads is tried again within that time when the host cannot be reached. Messages may have up to 100 MiB here; many
    hosts take 4 MiB. Ids are 26 letters and digits, times are milliseconds since the epoch, unless said otherwise.
"""

BLOCKING_DOC = f"""The host's API, for threads, which may share one client.
{COMMON_DOC}
    It raises RuntimeError on the thread of a running event loop, which it would stop: `AsyncPluginAPIClient` is for
    that.
    """

ASYNC_DOC = f"""The host's API, for asyncio. A client belongs to the event loop of its first call, until that is closed.
{COMMON_DOC}
    A task that is cancelled cancels its call.
    """

UNASYNC = (
    (r"\basync (def|for|with) ", r"\1 "),
    (r"\bawait ", ""),
    (r"\.aio\b", ".blocking"),
    (r"\bAsync(Source|Iterator|Iterable)\b", r"\1"),
    (r"\basync_pieces\b", "pieces"),
)
"""What turns code for asyncio into blocking code."""

TRANSFERS = Path(__file__).parents[1] / "mattermost_plugin" / "api" / "aio" / "transfers.py"

LAST_ERROR = ("PluginAPIError", "the call failed", "the call failed otherwise")


@dataclass(frozen=True)
class Flavour:
    """What one of the two clients writes differently."""

    package: str
    base: str
    client: str
    define: str
    call: str
    doc: str


BLOCKING = Flavour(
    package="blocking",
    base="BlockingCaller",
    client="PluginAPIClient",
    define="def",
    call="self._call",
    doc=BLOCKING_DOC,
)
ASYNC = Flavour(
    package="aio",
    base="AsyncCaller",
    client="AsyncPluginAPIClient",
    define="async def",
    call="await self._call",
    doc=ASYNC_DOC,
)


def files(domains: list[Domain]) -> dict[str, str]:
    """The text of every file by its path in the SDK."""
    texts = {f"api/rpcs/{domain.name}.py": _rpcs(domain) for domain in domains}
    for flavour in (BLOCKING, ASYNC):
        for domain in domains:
            texts[f"api/{flavour.package}/{domain.name}.py"] = _module(domain, flavour)
    texts["api/blocking/transfers.py"] = _blocking(TRANSFERS.read_text(encoding="utf-8"))
    texts["client.py"] = _client(domains, BLOCKING)
    texts["async_client.py"] = _client(domains, ASYNC)
    return texts


def _blocking(text: str) -> str:
    for pattern, replacement in UNASYNC:
        text = re.sub(pattern, replacement, text)
    return text


def _client(domains: list[Domain], flavour: Flavour) -> str:
    mixins = {domain.name: domain.mixin for domain in domains} | {"transfers": "TransfersMixin"}
    imports = "".join(
        f"from mattermost_plugin.api.{flavour.package}.{name} import {mixin}\n" for name, mixin in mixins.items()
    )
    # Before the mixin of files, which it builds on.
    bases = ", ".join(sorted(mixins.values(), key=lambda mixin: mixin != "TransfersMixin"))
    return (
        f'"""{flavour.doc.splitlines()[0]}"""\n\nfrom __future__ import annotations\n\n{imports}\n\n'
        f'class {flavour.client}({bases}):\n    """{flavour.doc}"""\n'
    )


def _rpcs(domain: Domain) -> str:
    modules = sorted({method.rpc.request.module for method in domain.methods})
    return "\n".join(
        [
            f'"""{domain.doc.splitlines()[0]}"""\n',
            "from __future__ import annotations\n",
            "from mattermost_plugin.api.calls import Rpc",
            f"from mattermost_plugin.grpc import {', '.join(modules)}\n",
            *map(_rpc, domain.methods),
            "",
        ]
    )


def _rpc(method: Method) -> str:
    rpc = method.rpc
    marks = "".join(f", {mark}=True" for mark in sorted(method.marks))
    types = f"{rpc.request.module}.{rpc.request.name}, {rpc.response.module}.{rpc.response.name}"
    return f'{method.constant} = Rpc("{rpc.name}", {types}{marks})'


def _module(domain: Domain, flavour: Flavour) -> str:
    methods = "\n".join(_method(method, flavour) for method in domain.methods)
    modules = sorted({method.rpc.request.module for method in domain.methods})
    imports = [line for line in domain.imports if "__future__" not in line]
    return "\n".join(
        [
            f'"""{_closed(domain.doc)}"""\n',
            "from __future__ import annotations\n",
            *imports,
            "from mattermost_plugin import values",
            f"from mattermost_plugin.api.rpcs import {domain.name} as rpcs",
            f"from mattermost_plugin.api.{flavour.package}.caller import {flavour.base}",
            f"from mattermost_plugin.grpc import {', '.join(modules)}\n\n",
            f"class {domain.mixin}({flavour.base}):",
            f'    """{domain.doc.splitlines()[0]}"""\n',
            methods,
        ]
    )


def _closed(doc: str) -> str:
    """A docstring whose quotes stand alone if it has several lines."""
    return f"{doc}\n" if "\n" in doc else doc


def _method(method: Method, flavour: Flavour) -> str:
    request = f"{method.rpc.request.module}.{method.rpc.request.name}({_request(method)})"
    call = f"{flavour.call}(rpcs.{method.constant}, {request}{', timeout' if method.has_timeout else ''})"
    result = _result(method)
    body = call if result is None else f"response = {call}\n        return {result}"
    head = f"{flavour.define} {method.name}({_parameters(method)}) -> {_returns(method)}:"
    return f"    {head}\n{textwrap.indent(_docstring(method), ' ' * 8)}\n        {body}\n"


def _parameters(method: Method) -> str:
    parameters = copy.deepcopy(method.parameters)
    parameters.args.insert(0, ast.arg("self"))
    if method.has_timeout:
        parameters.kwonlyargs.append(ast.arg("timeout", ast.parse("float | None", mode="eval").body))
        parameters.kw_defaults.append(ast.Constant(None))
    return ast.unparse(parameters)


def _returns(method: Method) -> str:
    return ast.unparse(method.returns)


def _request(method: Method) -> str:
    """The keyword arguments of the request, each field's being an expression of the table or the parameter's value."""
    fields = {field.name: field for field in method.rpc.request.fields}
    unknown = method.wire.keys() - fields.keys()
    if unknown:
        sys.exit(f"{method.name}: {method.rpc.request.name} has no {', '.join(unknown)}")
    annotations = _annotations(method)
    parts = []
    for name, field in fields.items():
        expression = method.wire.get(name, name if name in annotations else None)
        if expression is None:
            sys.exit(f"{method.name}: nothing goes into {name}")
        if expression in annotations:
            expression = _sent(expression, field, annotations[expression])
        parts.append(f"{name}={expression}")
    unused = [name for name in annotations if not re.search(rf"\b{name}\b", ", ".join(parts))]
    if unused:
        sys.exit(f"{method.name}: nothing is made of {', '.join(unused)}")
    return ", ".join(parts)


def _annotations(method: Method) -> dict[str, str]:
    arguments = method.parameters
    extra = [arguments.kwarg] if arguments.kwarg else []
    every = (*arguments.args, *arguments.kwonlyargs, *extra)
    return {argument.arg: ast.unparse(argument.annotation or ast.Name("Any")) for argument in every}


def _sent(name: str, field: Field, annotation: str) -> str:
    """The value of a parameter as a request takes it."""
    if field.kind == "Struct":
        return f"values.to_struct({name})"
    if not field.is_message:
        return f"{name} or ()" if field.repeated and annotation.endswith("| None") else name
    if field.repeated:
        return f"[item.to_proto() for item in {name}]"
    return f"{name}.to_proto() if {name} else None" if annotation.endswith("| None") else f"{name}.to_proto()"


def _result(method: Method) -> str | None:
    """The expression for what is returned; None for nothing."""
    if method.result:
        return method.result
    if _returns(method) == "None":
        return None
    fields = [field for field in method.rpc.response.fields if field.name != "error"]
    if len(fields) != 1:
        sys.exit(f"{method.name}: its result has to be told, {method.rpc.response.name} has {len(fields)} fields")
    return _received(fields[0], _returns(method))


def _received(field: Field, annotation: str) -> str:
    """A field of the response as it is returned."""
    value = f"response.{field.name}"
    model = model_name(field.kind)
    if field.kind == "Struct":
        return f"values.from_struct({value})"
    if field.map:
        return f"dict({value})"
    if field.repeated:
        return f"[{model}.from_proto(item) for item in {value}]" if field.is_message else f"list({value})"
    if not field.is_message:
        return value
    made = f"{model}.from_proto({value})"
    return f'{made} if response.HasField("{field.name}") else None' if annotation.endswith("| None") else made


def _docstring(method: Method) -> str:
    """The table's docstring, with what the glossary knows of the parameters and the error that any call may end in."""
    names = method.names + ["timeout"] * method.has_timeout
    arguments = {name: method.doc.arguments.get(name) or PARAMETERS.get(name) for name in names}
    missing = [name for name, text in arguments.items() if not text]
    if missing or method.doc.arguments.keys() - arguments.keys():
        sys.exit(f"{method.name}: undocumented {missing}, or documented and not there")
    kind, alone, beside = LAST_ERROR
    errors = dict(method.doc.errors)
    errors.setdefault(kind, f"{beside if errors else alone}.")
    stars = {method.parameters.kwarg.arg} if method.parameters.kwarg else set()
    lines = [f'"""{method.doc.text}', "", "Args:"]
    lines += [_entry(f"**{name}" if name in stars else name, text or "") for name, text in arguments.items()]
    lines += ["", "Raises:", *(_entry(name, text) for name, text in errors.items()), '"""']
    return "\n".join(lines)


def _entry(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name}: {text}", width=108, initial_indent="    ", subsequent_indent="        ", break_on_hyphens=False
    )
