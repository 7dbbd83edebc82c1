"""Hooks fired as a host fires them."""

from __future__ import annotations

from typing import Any

import pytest

from mattermost_plugin import HookName
from mattermost_plugin.models import FileInfo, Post, User
from mattermost_plugin.servicers.kinds import NEUTRAL_REASON
from mattermost_plugin.testing import HookFirer, allowed, modified, rejected, running
from mattermost_plugin.testing.lifetime import ActivationRefused
from mattermost_plugin.testing.outcomes import outcome_of
from support.api_host import filled
from support.hooks import RPCS, UNARY, empty_request, full_request, plugin_with
from support.sample_plugin import Sample

pytestmark = [pytest.mark.anyio, pytest.mark.plugin(cls=Sample)]


async def test_a_plugin_allows_rejects_and_modifies(hooks: HookFirer) -> None:
    assert await hooks.fire(HookName.MessageWillBePosted, Post(message="hello")) == allowed()
    assert await hooks.fire("MessageWillBePosted", post=Post(message="damn")) == rejected("Mind your language.")
    assert await hooks.fire("MessageWillBePosted", Post(message="HEY")) == modified(Post(message="hey"))


async def test_a_list_is_modified_when_it_is_another_one(hooks: HookFirer) -> None:
    posts = [Post(message="open"), Post(message="secret")]

    assert await hooks.fire("MessagesWillBeConsumed", posts) == modified(posts[:1])
    assert await hooks.fire("MessagesWillBeConsumed", posts[:1]) == allowed(posts[:1])


async def test_a_file_is_modified_with_its_content(hooks: HookFirer) -> None:
    info = FileInfo(name="a.txt")

    assert await hooks.fire("FileWillBeUploaded", info, b"abcdef") == modified((info, b"abc"))
    assert await hooks.fire("FileWillBeUploaded", info, b"abc") == allowed()


async def test_a_handler_that_fails_has_refused(hooks: HookFirer, caplog: pytest.LogCaptureFixture) -> None:
    outcome = await hooks.fire("UserWillLogIn", User(username="ada"))

    assert outcome == rejected(NEUTRAL_REASON)
    assert "the door is jammed" in caplog.text


async def test_what_cannot_be_fired_is_said(hooks: HookFirer) -> None:
    with pytest.raises(LookupError, match=r"no handler for ChannelHasBeenCreated; it has .*MessageWillBePosted"):
        await hooks.fire("ChannelHasBeenCreated")
    with pytest.raises(ValueError, match="there is no hook MessageWillBeEaten"):
        await hooks.fire("MessageWillBeEaten")
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((Post(), 1), {}),
        ((), {"pots": Post()}),
        ((Post(),), {"post": Post()}),
    ]
    for arguments, fields in wrong:
        with pytest.raises(ValueError, match="MessageWillBePosted takes post, each once"):
            await hooks.fire("MessageWillBePosted", *arguments, **fields)


async def test_a_plugin_is_activated_and_deactivated() -> None:
    plugin = Sample()
    async with running(plugin):
        assert plugin.seen == ["activated"]
    assert plugin.seen == ["activated", "deactivated"]


@pytest.mark.plugin(cls=Sample, activate=False)
async def test_a_test_may_activate_by_itself(plugin: Sample, hooks: HookFirer) -> None:
    assert plugin.seen == []
    assert await hooks.fire("OnActivate") == allowed()
    assert plugin.seen == ["activated"]


async def test_a_plugin_that_refuses_to_activate_does_not_run() -> None:
    with pytest.raises(ActivationRefused, match="not today"):
        async with running(plugin_with("OnActivate", lambda self: "not today")):
            pass


async def test_every_hook_can_be_fired() -> None:
    for name in UNARY:
        async with running(plugin_with(name, lambda self, *arguments: None), activate=False) as started:
            outcome = await started.hooks.fire(name)
        assert outcome.is_allowed, name


def test_every_response_has_an_outcome() -> None:

    for name in UNARY:
        response = filled(RPCS[name].output_type)
        for field in ("error", "rejection_reason"):
            if field in response.DESCRIPTOR.fields_by_name:
                assert outcome_of(full_request(name), response).is_rejected, name
                response.ClearField(field)
        assert not outcome_of(empty_request(name), response).is_rejected, name
