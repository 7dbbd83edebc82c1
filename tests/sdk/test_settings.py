"""A plugin's settings, as an object of a class of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from mattermost_plugin import HookName, Plugin, Settings, SettingsError, hook
from mattermost_plugin.settings import check_schema, read
from mattermost_plugin.testing import HookFirer, running
from mattermost_plugin.testing.lifetime import ActivationRefused
from servehttp.testing import FakeAPI
from support.loops import one_loop

__all__ = ["one_loop"]

pytestmark = pytest.mark.anyio


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


@dataclass
class ShopSettings:
    greeting: str
    max_items: int = 10
    rate: float = 0.5
    open: bool = True
    mood: Mood = Mood.GOOD
    size: Literal["small", "large"] = "small"
    note: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.max_items < 0:
            raise ValueError("max_items is negative")


class Priced(BaseModel):
    greeting: str
    max_items: int = Field(10, ge=0)


@pytest.mark.parametrize("key", ["MaxItems", "maxitems", "max_items", "MAX-ITEMS"])
def test_keys_are_found_however_a_host_writes_them(key: str) -> None:
    for model in (ShopSettings, Priced):
        settings: Any = read(model, {"Greeting": "Hi", key: 3, "unknown": 1})
        assert (settings.greeting, settings.max_items) == ("Hi", 3)


def test_values_are_what_their_fields_say() -> None:
    given = {
        "greeting": "5",
        "maxitems": 3.0,
        "rate": 2,
        "open": False,
        "mood": "bad",
        "size": "large",
        "extra": {"a": 1},
    }
    assert read(ShopSettings, given) == ShopSettings("5", 3, 2.0, False, Mood.BAD, "large", None, {"a": 1})
    assert read(ShopSettings, {"greeting": "", "maxitems": "7", "open": "false", "note": "x"}) == ShopSettings(
        "", 7, open=False, note="x"
    )
    assert read(ShopSettings, {"greeting": "", "note": None}).note is None


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "greeting is not set, and has no default"),
        ({"greeting": "", "MaxItems": "many"}, "max_items has to be a whole number, not 'many'"),
        ({"greeting": "", "MaxItems": 1.5}, "max_items has to be a whole number, not '1.5'"),
        ({"greeting": "", "MaxItems": True}, "max_items has to be a whole number, not 'True'"),
        ({"greeting": "", "MaxItems": -1}, "max_items is negative"),
        ({"greeting": "", "Open": "perhaps"}, "open has to be yes or no, not 'perhaps'"),
        ({"greeting": "", "Mood": "x" * 1000}, f"mood has to be one of good, bad, not '{'x' * 100}'"),
        ({"greeting": True}, "greeting has to be a text, not 'True'"),
    ],
)
def test_what_cannot_be_used_is_told(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read(ShopSettings, given)
    assert str(raised.value) == problem


def test_what_pydantic_refuses_is_told_in_one_line() -> None:
    with pytest.raises(SettingsError, match=r"^max_items: Input should be greater than or equal to 0$"):
        read(Priced, {"greeting": "Hi", "maxitems": -1})
    with pytest.raises(SettingsError, match=r"^greeting: Field required$"):
        read(Priced, {})


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(TypeError, match="a dataclass or a model of pydantic"):
        Settings(dict)

    @dataclass
    class Same:
        a_b: int = 1
        ab: int = 2

    with pytest.raises(SettingsError, match="a_b and ab of Same are the same key"):
        read(Same, {})


def schema(**types: str) -> dict[str, Any]:
    return {"settings": [{"key": key, "type": type} for key, type in types.items()]}


def test_a_model_is_compared_with_the_manifest() -> None:
    check_schema(Priced, None)
    check_schema(Priced, schema(Greeting="text", MaxItems="number", more="bool"))
    check_schema(Priced, schema(Greeting="custom", MaxItems="custom"))
    with pytest.raises(SettingsError, match=r"max_items is no setting of plugin\.json: .* are Greeting"):
        check_schema(Priced, schema(Greeting="text"))
    with pytest.raises(SettingsError, match='max_items is int, and of type "text"'):
        check_schema(Priced, schema(Greeting="text", MaxItems="text"))


# In a plugin


class Shop(Plugin):
    settings = Settings(ShopSettings)

    def __init__(self, api: Any = None, config: Any = None) -> None:
        super().__init__(api, config)
        self.seen: list[Any] = []

    @hook(HookName.OnActivate)
    async def start(self) -> None:
        self.seen.append(self.settings.greeting)

    @hook(HookName.OnConfigurationChange)
    async def configured(self) -> None:
        self.seen.append(f"hook {self.settings.greeting}")

    @settings.changed
    def on_change(self, old: ShopSettings) -> None:
        self.seen.append(f"{old.greeting} became {self.settings.greeting}")


async def stored(api: FakeAPI, **settings: Any) -> None:
    api.call(api.workspace.config.save_plugin_settings, api.config.plugin_id, settings)


async def test_settings_are_there_at_the_activation_and_are_read_when_they_change(fake_api: FakeAPI) -> None:
    await stored(fake_api, greeting="Hello")
    plugin = Shop(config=fake_api.config)
    with pytest.raises(RuntimeError, match=r"self\.settings is not there yet"):
        _ = plugin.settings
    async with running(plugin) as started:
        assert "OnConfigurationChange" in started.hooks.implemented
        assert plugin.seen == ["Hello"]
        await stored(fake_api, greeting="Bye", maxitems=2)
        assert (await started.hooks.fire("OnConfigurationChange")).is_allowed
        assert plugin.settings.max_items == 2
        assert (await started.hooks.fire("OnConfigurationChange")).is_allowed
    assert plugin.seen == ["Hello", "Hello became Bye", "hook Bye", "hook Bye"]


async def test_settings_that_cannot_be_used_keep_the_plugin_from_starting(fake_api: FakeAPI) -> None:
    await stored(fake_api, greeting="Hello", maxitems="many")
    with pytest.raises(ActivationRefused, match="max_items has to be a whole number, not 'many'"):
        async with running(Shop(config=fake_api.config)):
            pass


async def test_settings_that_cannot_be_used_leave_those_before(fake_api: FakeAPI) -> None:
    await stored(fake_api, greeting="Hello")
    plugin = Shop(config=fake_api.config)
    async with running(plugin) as started:
        await stored(fake_api, greeting="Hello", maxitems="many")
        outcome = await started.hooks.fire("OnConfigurationChange")
        assert "max_items has to be a whole number" in outcome.reason
        assert plugin.settings == ShopSettings("Hello")
    assert plugin.seen == ["Hello"]


async def test_a_manifest_that_lacks_a_setting_keeps_the_plugin_from_starting(
    fake_api: FakeAPI, tmp_path: Path
) -> None:
    await stored(fake_api, greeting="Hello")
    (tmp_path / "plugin.json").write_text(json.dumps({"settings_schema": schema(greeting="text")}))
    with pytest.raises(ActivationRefused, match=r"max_items is no setting of plugin\.json"):
        async with running(Shop(config=replace(fake_api.config, plugin_path=str(tmp_path)))):
            pass
    for manifest in ("{}", "[]", "no json", '{"settings_schema": null}'):
        (tmp_path / "plugin.json").write_text(manifest)
        async with running(Shop(config=replace(fake_api.config, plugin_path=str(tmp_path)))):
            pass


@pytest.mark.plugin(cls=Shop, activate=False)
async def test_a_test_may_bring_settings_of_its_own(plugin: Shop, hooks: HookFirer) -> None:
    plugin.settings = ShopSettings("Servus")
    assert (await hooks.fire("OnActivate")).is_allowed
    assert plugin.seen == ["Servus"]


async def test_without_a_host_settings_are_the_defaults() -> None:
    class Defaults(Plugin):
        settings = Settings(Priced)

    with pytest.raises(ActivationRefused, match="greeting: Field required"):
        async with running(Defaults()):
            pass
