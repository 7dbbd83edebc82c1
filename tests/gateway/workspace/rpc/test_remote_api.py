"""The API for plugins on other machines: by TLS, and who is nobody."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from mattermost_plugin import AsyncPluginAPIClient, PermissionDeniedError
from mattermost_plugin.exceptions import PluginAPIError
from mattermost_plugin.tls import RenewedContext, TLSFiles
from servehttp.workspace.rpc.plugin_tokens import PluginTokens, add_token
from servehttp.workspace.rpc.remote_api import RemoteApi
from servehttp.workspace.workspace import Workspace
from support.certificates import HOST, Certificates, certificates
from support.loops import one_module_loop

__all__ = ["certificates", "one_module_loop"]

pytestmark = pytest.mark.anyio

ONE, TWO, LOCAL = "com.example.one", "com.example.two", "com.example.local"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens"


@pytest.fixture
async def target(ws: Workspace, tokens: Path, certificates: Certificates) -> AsyncIterator[str]:
    """Where the API is for two plugins on other machines."""
    own = certificates.server()
    listening = socket.create_server((HOST, 0))
    port = listening.getsockname()[1]
    tls = RenewedContext(TLSFiles(own.cert, own.key, certificates.ca), optional=True)
    api = RemoteApi(ws, {ONE, TWO}, PluginTokens(tokens), listening, tls, 1024 * 1024)
    yield f"{HOST}:{port}"
    await api.close()


def credentials(certificates: Certificates, shown: TLSFiles | None = None) -> grpc.ChannelCredentials:
    if shown is None:
        return grpc.ssl_channel_credentials(certificates.ca_bytes)
    return grpc.ssl_channel_credentials(
        certificates.ca_bytes, Path(shown.key).read_bytes(), Path(shown.cert).read_bytes()
    )


def take_all_back(tokens: Path) -> None:
    tokens.write_text("# none\n")


async def test_a_plugin_is_known_by_its_token_and_only_as_itself(
    target: str, tokens: Path, certificates: Certificates
) -> None:
    one, two = add_token(tokens, ONE), add_token(tokens, TWO)
    async with (
        AsyncPluginAPIClient(target, credentials=credentials(certificates), token=one) as first,
        AsyncPluginAPIClient(target, credentials=credentials(certificates), token=two) as second,
    ):
        await first.kv_set("key", b"of one")
        assert await second.kv_get("key") is None
        assert await first.kv_get("key") == b"of one"


async def test_a_plugin_is_known_by_the_name_in_its_certificate(target: str, certificates: Certificates) -> None:
    shown = credentials(certificates, certificates.server(ONE))
    async with AsyncPluginAPIClient(target, credentials=shown) as client:
        await client.kv_set("key", b"value")
        assert await client.kv_get("key") == b"value"


async def test_a_token_that_is_taken_back_is_nobodys(target: str, tokens: Path, certificates: Certificates) -> None:
    token = add_token(tokens, ONE)
    async with AsyncPluginAPIClient(target, credentials=credentials(certificates), token=token) as client:
        assert await client.kv_get("key") is None
        take_all_back(tokens)
        with pytest.raises(PermissionDeniedError):
            await client.kv_get("key")


@pytest.mark.parametrize(
    ("token_of", "name", "reason"),
    [
        (None, None, "it shows neither a certificate nor a token"),
        ("nobody", None, "its token is nobody's"),
        (None, "com.example.stranger", "its certificate is of com.example.stranger"),
        (TWO, ONE, f"its token is of {TWO}, and its certificate of {ONE}"),
        (LOCAL, None, f"{LOCAL} is no plugin on another machine"),
        (None, LOCAL, f"its certificate is of {LOCAL}"),
    ],
)
async def test_who_is_nobody_is_refused_and_the_log_says_why(
    target: str,
    tokens: Path,
    certificates: Certificates,
    caplog: pytest.LogCaptureFixture,
    token_of: str | None,
    name: str | None,
    reason: str,
) -> None:
    token = "x" * 40 if token_of == "nobody" else add_token(tokens, token_of) if token_of else ""
    shown = credentials(certificates, certificates.server(name) if name else None)
    async with AsyncPluginAPIClient(target, credentials=shown, token=token) as client:
        with pytest.raises(PermissionDeniedError) as refused:
            await client.kv_get("key")
    assert refused.value.code is grpc.StatusCode.UNAUTHENTICATED
    assert reason not in str(refused.value), "the log has it, and nobody else"
    assert f"a call of the plugin API from {HOST} was refused: {reason}" in caplog.text
    assert token not in caplog.text or not token


async def test_a_certificate_of_another_ca_does_not_get_through(target: str, certificates: Certificates) -> None:
    shown = credentials(certificates, certificates.stranger())
    async with AsyncPluginAPIClient(target, credentials=shown, timeout=2) as client:
        with pytest.raises(PluginAPIError):
            await client.kv_get("key")


def test_the_file_has_digests_alone(tokens: Path) -> None:
    token = add_token(tokens, ONE)
    assert tokens.read_text().startswith(f"{ONE} sha256:")
    assert token not in tokens.read_text()


def test_lines_that_are_no_tokens_count_for_nobody(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    assert PluginTokens(file).plugin_of("x") is None
    file.write_bytes(b"\xff\n\n# comment\nID\nID sha256:\nID md5:00\n")
    tokens = PluginTokens(file)
    assert [tokens.plugin_of(token) for token in ("", "x", "x" * 10_000, "\udcff")] == [None] * 4
