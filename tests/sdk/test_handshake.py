"""The go-plugin handshake line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.handshake import (
    MAGIC_COOKIE_KEY,
    MAGIC_COOKIE_VALUE,
    Handshake,
    HandshakeError,
    looks_like_handshake,
)


def test_the_line_is_what_go_plugin_expects() -> None:
    assert Handshake("tcp", "127.0.0.1:1234").format() == "1|1|tcp|127.0.0.1:1234|grpc"
    assert Handshake("unix", "/tmp/plugin.sock").format() == "1|1|unix|/tmp/plugin.sock|grpc"


def test_the_magic_cookie_is_the_references() -> None:
    assert (MAGIC_COOKIE_KEY, MAGIC_COOKIE_VALUE) == ("MATTERMOST_PLUGIN", "Securely message teams, anywhere.")


@pytest.mark.parametrize(
    ("handshake", "target"),
    [(Handshake("tcp", "127.0.0.1:1234"), "127.0.0.1:1234"), (Handshake("unix", "/tmp/a b"), "unix:/tmp/a b")],
)
def test_the_target_is_how_grpc_names_the_address(handshake: Handshake, target: str) -> None:
    assert handshake.target == target


ADDRESSES = st.text(st.characters(exclude_characters="|", exclude_categories=("Cc", "Cs", "Z")), min_size=1)


@given(st.sampled_from(["tcp", "unix"]), ADDRESSES)
def test_what_was_written_is_read_back(network: str, address: str) -> None:
    handshake = Handshake(network, address)
    assert Handshake.parse(handshake.format()) == handshake
    assert Handshake.parse(handshake.format() + "\n") == handshake
    assert looks_like_handshake(handshake.format())


@pytest.mark.parametrize("more", ["|", "|certificate", "|certificate|true", "||false"])
def test_fields_of_newer_plugins_are_ignored(more: str) -> None:
    assert Handshake.parse("1|1|tcp|127.0.0.1:1234|grpc" + more) == Handshake("tcp", "127.0.0.1:1234")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "expected 5 fields or more"),
        ("hello world", "got 'hello world'"),
        ("1|1|tcp|127.0.0.1:1234", "expected 5 fields or more"),
        ("2|1|tcp|127.0.0.1:1234|grpc", "incompatible core protocol version '2'"),
        ("x|1|tcp|127.0.0.1:1234|grpc", "incompatible core protocol version 'x'"),
        ("1|2|tcp|127.0.0.1:1234|grpc", "incompatible protocol version '2'"),
        ("1|1|udp|127.0.0.1:1234|grpc", r"unrecognized address udp\|127.0.0.1:1234"),
        ("1|1|tcp||grpc", "unrecognized address"),
        ("1|1|tcp|127.0.0.1:1234|netrpc", "incompatible protocol 'netrpc'"),
        ("1|1|tcp|127.0.0.1:1234|", "incompatible protocol ''"),
    ],
)
def test_a_line_that_is_not_ours_says_what_is_wrong(line: str, message: str) -> None:
    with pytest.raises(HandshakeError, match=message):
        Handshake.parse(line)


@given(st.text())
def test_any_line_is_a_handshake_or_a_clear_error(line: str) -> None:
    try:
        handshake = Handshake.parse(line)
    except HandshakeError:
        return
    assert handshake.network in ("tcp", "unix")
    assert handshake.address


@pytest.mark.parametrize("line", ["1|1|tcp|x|grpc", "1|", "99|anything", " 1 |x"])
def test_a_line_that_is_meant_as_a_handshake_is_recognised(line: str) -> None:
    assert looks_like_handshake(line)


@pytest.mark.parametrize("line", ["", "hello", "a|b|c|d|e", "|1|tcp", "1", "127.0.0.1 | GET", "-1|1"])
def test_other_output_is_not_taken_for_a_handshake(line: str) -> None:
    assert not looks_like_handshake(line)
