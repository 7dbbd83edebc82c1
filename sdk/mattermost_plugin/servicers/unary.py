"""A hook with one request and one response, told as data: what its handler gets, and what the host is answered."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from mattermost_plugin.hooks import HookName
from mattermost_plugin.models import PluginContext
from mattermost_plugin.servicers.hook_runner import HookError


@dataclass(frozen=True)
class Argument:
    """One argument of a handler: a field of the request."""

    field: str
    model: Any = None
    """The model of the field's message; without one the value is given as it is."""
    optional: bool = False
    """Give None for a message that is not there, instead of an empty model."""
    many: bool = False
    """The field is a list of messages."""

    def reader(self, *, as_message: bool) -> Callable[[Any], Any]:
        """What takes the argument from a request. A message is a copy: the handler may change it."""
        get = attrgetter(self.field)
        if self.model is None:
            return get
        convert = deepcopy if as_message else self.model.from_proto
        if self.many:
            return lambda request: [convert(item) for item in get(request)]
        if self.optional:
            return lambda request: convert(get(request)) if request.HasField(self.field) else None
        return lambda request: convert(get(request))


CONTEXT = Argument("plugin_context", PluginContext)


@dataclass(frozen=True)
class UnaryHook:
    """One hook. Every way it can go ends in a response: of one that comes with a gRPC error the host sees nothing."""

    name: HookName
    arguments: tuple[Argument, ...]
    """What the handler is called with."""
    answer: Callable[[Any, Any], Any]
    """The response, from the request and what the handler returned. Raises TypeError or ValueError if that is nothing
    the hook knows."""
    absent: Callable[[Any], Any]
    """The response of a plugin without a handler, from the request; of a hook that can veto, it lets things happen."""
    failed: Callable[[HookError], Any]
    """The response when the handler raised, took too long, or returned what the hook does not know."""
