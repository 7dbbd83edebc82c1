"""Where a plugin is served, as it is told at import."""

from __future__ import annotations

import pytest

from mattermost_plugin import base_path


@pytest.mark.parametrize(
    ("variables", "path"),
    [
        ({}, ""),
        ({"ID": "com.example.shop"}, "/plugins/com.example.shop"),
        ({"ID": "com.example.shop", "BASE_PATH": "/elsewhere/shop"}, "/elsewhere/shop"),
    ],
)
def test_it_is_what_the_host_says_or_follows_from_the_id(
    variables: dict[str, str], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ID", "BASE_PATH"):
        monkeypatch.delenv(f"MATTERMOST_PLUGIN_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"MATTERMOST_PLUGIN_{name}", value)
    assert base_path() == path
