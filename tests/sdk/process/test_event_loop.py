"""Which event loop a plugin's process runs on."""

from __future__ import annotations

import asyncio
import sys

import pytest

from mattermost_plugin.process import event_loop


async def module_of_the_loop() -> str:
    return type(asyncio.get_running_loop()).__module__


def test_uvloop_is_taken_where_it_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert event_loop.run(module_of_the_loop()).startswith("uvloop")


def test_asyncios_own_is_taken_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert event_loop.run(module_of_the_loop()).startswith("asyncio")


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=lambda it: type(it).__name__)
def test_an_exit_in_a_task_lets_the_program_clean_up_first(
    loop: str, error: BaseException, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if loop == "asyncio":
        monkeypatch.setitem(sys.modules, "uvloop", None)
    else:
        pytest.importorskip("uvloop")
    cleaned: list[str] = []

    async def leave() -> None:
        raise error

    async def program() -> None:
        tasks = [asyncio.create_task(leave())]
        try:
            await asyncio.Event().wait()
        finally:
            tasks.append(asyncio.create_task(leave()))  # another one, while it cleans up
            for _ in range(10):
                await asyncio.sleep(0)
            cleaned.append("all of it")

    with pytest.raises(type(error)) as raised:
        event_loop.run(program())
    assert raised.value is error
    assert cleaned == ["all of it"]
    assert "in leave" in caplog.text
