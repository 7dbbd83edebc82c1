"""Which methods of a class handle which hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mattermost_plugin import HookName, HookRegistrationError, Plugin, hook
from mattermost_plugin.hooks import HOOK_MARKER_ATTR, VALID_HOOK_NAMES, get_hook_name, is_hook_handler
from mattermost_plugin.testing import allowed, running
from support.hooks import plugin_with


def test_all_hooks_of_the_contract_have_a_name() -> None:
    assert len(HookName) == 41
    assert {name.value for name in HookName} == VALID_HOOK_NAMES
    assert {"OnActivate", "MessageWillBePosted", "ExecuteCommand", "ServeHTTP"} <= VALID_HOOK_NAMES
    assert not {"Implemented", "ServeMetrics"} & VALID_HOOK_NAMES


def test_hook_names_equal_plain_strings() -> None:
    assert HookName.OnActivate == "OnActivate"
    assert f"{HookName.OnActivate}" == "OnActivate"


def test_the_four_forms_of_the_decorator_mark_the_same() -> None:
    class Forms(Plugin):
        @hook(HookName.OnActivate)
        def by_enum(self) -> None: ...

        @hook("OnDeactivate")
        def by_text(self) -> None: ...

        @hook
        def OnInstall(self) -> None: ...

        @hook()
        def OnConfigurationChange(self) -> None: ...

    assert Forms.implemented_hooks() == ["OnActivate", "OnConfigurationChange", "OnDeactivate", "OnInstall"]


def test_a_decorated_method_keeps_its_name_text_and_nature() -> None:
    @hook(HookName.OnActivate)
    async def start(self: object) -> None:
        """Begin."""

    assert (start.__name__, start.__doc__) == ("start", "Begin.")
    assert getattr(start, HOOK_MARKER_ATTR) == get_hook_name(start) == "OnActivate"
    assert is_hook_handler(start)
    assert not is_hook_handler(test_hook_names_equal_plain_strings)
    assert get_hook_name(test_hook_names_equal_plain_strings) is None


@pytest.mark.parametrize("name", ["NoSuchHook", "onactivate", "ServeMetrics", ""])
def test_an_unknown_name_is_refused_where_it_is_written(name: str) -> None:
    with pytest.raises(HookRegistrationError, match="Unknown hook name"):
        hook(name)(lambda self: None)


def test_a_method_whose_name_is_no_hook_is_refused() -> None:
    with pytest.raises(HookRegistrationError, match="Unknown hook name 'started'"):

        @hook
        def started(self: object) -> None: ...


def test_something_that_is_no_name_is_refused() -> None:
    with pytest.raises(HookRegistrationError, match="not int"):
        hook(7)  # type: ignore[call-overload]  # the error is the point


def test_only_serve_http_streams() -> None:
    with pytest.raises(HookRegistrationError, match="no body to stream"):
        hook(HookName.OnActivate, stream=True)(lambda self: None)


def test_handling_a_hook_twice_in_one_class_is_refused() -> None:
    with pytest.raises(HookRegistrationError, match=r"Duplicate hook registration.*OnActivate.*one.*two"):

        class Twice(Plugin):
            @hook("OnActivate")
            def one(self) -> None: ...

            @hook("OnActivate")
            def two(self) -> None: ...


def test_a_handler_may_have_a_private_name() -> None:
    class Private(Plugin):
        @hook(HookName.OnActivate)
        def _start(self) -> str:
            return "started"

    assert Private().invoke_hook("OnActivate") == "started"


class Parent(Plugin):
    @hook(HookName.OnActivate)
    def start(self) -> str:
        return "parent"


def test_a_subclass_inherits_hooks_and_adds_its_own() -> None:
    class Child(Parent):
        @hook(HookName.OnDeactivate)
        def stop(self) -> None: ...

    assert Child.implemented_hooks() == ["OnActivate", "OnDeactivate"]
    assert Parent.implemented_hooks() == ["OnActivate"]


def test_a_subclass_replaces_a_handler_under_another_name() -> None:
    class Child(Parent):
        @hook(HookName.OnActivate)
        def begin(self) -> str:
            return "child"

    assert Child().invoke_hook("OnActivate") == "child"


def test_a_subclass_replaces_a_handler_by_overriding_the_method() -> None:
    class Decorated(Parent):
        @hook(HookName.OnActivate)
        def start(self) -> str:
            return "decorated"

    class Plain(Parent):
        def start(self) -> str:
            return "plain"

    assert Decorated().invoke_hook("OnActivate") == "decorated"
    assert Plain().invoke_hook("OnActivate") == "plain"


def test_an_override_for_another_hook_leaves_the_first_one() -> None:
    class Child(Parent):
        @hook(HookName.OnDeactivate)
        def start(self) -> str:
            return "stopping"

    assert Child.implemented_hooks() == ["OnDeactivate"]


def test_a_subclass_drops_a_handler_by_setting_it_to_none() -> None:
    class Child(Parent):
        start = None  # type: ignore[assignment]  # how a method is dropped

    assert Child.implemented_hooks() == []


def test_a_plugin_tells_what_it_has_and_calls_it() -> None:
    class Echo(Plugin):
        @hook(HookName.OnInstall)
        def install(self, context: str, *, event: str) -> tuple[str, str]:
            return context, event

    plugin = Echo()
    assert Echo.has_hook("OnInstall")
    assert Echo.has_hook(HookName.OnInstall)
    assert not Echo.has_hook("OnActivate")
    assert not Echo.has_hook("NoSuchHook")
    assert plugin.get_hook_handler("OnActivate") is None
    assert plugin.get_hook_handler("OnInstall") == plugin.install
    assert plugin.invoke_hook("OnInstall", "a", event="b") == ("a", "b")
    assert plugin.invoke_hook("OnActivate") is None
    assert list(Echo._hook_registry) == ["OnInstall"]
    assert Plugin.implemented_hooks() == []


def test_what_a_handler_raises_comes_out_of_invoke_hook() -> None:
    class Failing(Plugin):
        @hook
        def OnActivate(self) -> None:
            raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        Failing().invoke_hook("OnActivate")


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("name", "handler", "problem"),
    [
        ("OnActivate", lambda self, context: None, r"too many|missing a required argument: 'context'"),
        (
            "MessageWillBePosted",
            lambda self, post: None,
            r"too many positional arguments.*\(self, plugin_context, post\)",
        ),
        ("ServeHTTP", lambda self, request: None, r"too many .*\(self, context, response_writer, request\)"),
        ("UserHasBeenCreated", lambda self, context, user, *, why: None, "missing a required.*'why'"),
    ],
)
async def test_a_handler_that_does_not_take_its_arguments_is_refused_at_the_start(
    name: str, handler: Callable[..., Any], problem: str
) -> None:
    with pytest.raises(
        HookRegistrationError, match=rf"test_registration\.py:\d+: .* cannot handle {name}: .*({problem})"
    ):
        async with running(plugin_with(name, handler)):
            pass


@pytest.mark.anyio
@pytest.mark.parametrize(
    "handler", [lambda self, *arguments: None, lambda self, context, post, extra=1: None, lambda *everything: None]
)
async def test_a_handler_may_take_more_than_it_gets(handler: Callable[..., Any]) -> None:
    async with running(plugin_with("MessageWillBePosted", handler)) as started:
        assert await started.hooks.fire("MessageWillBePosted") == allowed()
