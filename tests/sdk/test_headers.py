"""Header lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattermost_plugin.headers import InvalidHeader, checked, content_length, end_to_end


def test_headers_of_one_connection_do_not_travel() -> None:
    headers = [
        (b"connection", b"keep-alive"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"keep-alive"),
        (b"te", b"trailers"),
        (b"transfer-encoding", b"chunked"),
        (b"upgrade", b"websocket"),
        (b"accept", b"*/*"),
    ]
    assert end_to_end(headers) == [(b"accept", b"*/*")]


def test_what_connection_names_does_not_travel() -> None:
    headers = [(b"connection", b"close, X-One ,x-two"), (b"x-one", b"1"), (b"x-two", b"2"), (b"x-three", b"3")]
    assert end_to_end(headers) == [(b"x-three", b"3")]


def test_every_connection_header_counts() -> None:
    headers = [(b"x-one", b"1"), (b"connection", b"x-one"), (b"connection", b"x-two"), (b"x-two", b"2")]
    assert end_to_end(headers) == []


@pytest.mark.parametrize("name", [b"host", b"content-length", b"mattermost-user-id"])
def test_connection_cannot_take_away_what_others_rely_on(name: bytes) -> None:
    assert end_to_end([(b"connection", b"close, " + name.title()), (name, b"1")]) == [(name, b"1")]


def test_order_and_repeats_are_kept() -> None:
    headers = [(b"b", b"1"), (b"a", b"2"), (b"b", b"3")]
    assert end_to_end(headers) == headers


def test_names_become_lower_case_and_values_lose_their_margins() -> None:
    assert checked([(b"X-Name", b" \tvalue with  blanks\t ")]) == [(b"x-name", b"value with  blanks")]


def test_old_text_outside_of_ascii_is_allowed_in_values() -> None:
    assert checked([(b"a", b"caf\xe9 \x80")]) == [(b"a", b"caf\xe9 \x80")]


def test_a_value_may_be_empty() -> None:
    assert checked([(b"a", b"")]) == [(b"a", b"")]


TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def test_a_name_is_made_of_token_bytes_alone() -> None:
    for byte in range(256):
        name = b"x" + bytes([byte]) + b"x"
        if byte in TOKEN:
            assert checked([(name, b"")]) == [(name.lower(), b"")]
        else:
            with pytest.raises(InvalidHeader, match="is not a token"):
                checked([(name, b"")])


def test_a_name_is_not_empty() -> None:
    with pytest.raises(InvalidHeader):
        checked([(b"", b"x")])


def test_a_value_has_no_control_bytes_in_it() -> None:
    for byte in range(256):
        value = b"x" + bytes([byte]) + b"x"
        if byte == 9 or (byte >= 32 and byte != 127):
            assert checked([(b"a", value)]) == [(b"a", value)]
        else:
            with pytest.raises(InvalidHeader, match="'a' has a control character"):
                checked([(b"a", value)])


@pytest.mark.parametrize("value", [b"x\n", b"\r\nx", b"\0"])
def test_control_bytes_at_the_edges_are_not_trimmed_away(value: bytes) -> None:
    with pytest.raises(InvalidHeader):
        checked([(b"a", value)])


@given(st.lists(st.tuples(st.binary(max_size=6), st.binary(max_size=6)), max_size=4))
def test_what_was_checked_cannot_split_a_message(headers: list[tuple[bytes, bytes]]) -> None:
    try:
        result = checked(headers)
    except InvalidHeader:
        return
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in result)
    assert lines.count(b"\n") == lines.count(b"\r") == len(headers)
    assert checked(result) == result


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        ([], None),
        ([(b"content-length", b"0")], 0),
        ([(b"content-length", b"007")], 7),
        ([(b"content-length", b"5"), (b"a", b"b"), (b"content-length", b"5")], 5),
        ([(b"content-length", b"9" * 18)], 10**18 - 1),
    ],
)
def test_a_declared_length_is_found(headers: list[tuple[bytes, bytes]], length: int | None) -> None:
    assert content_length(headers) == length


@pytest.mark.parametrize(
    "values",
    [
        [b""],
        [b"-1"],
        [b"+1"],
        [b"1.0"],
        [b"0x1"],
        [b"1 "],
        [b"1,1"],
        [b"1_0"],
        ["\N{ARABIC-INDIC DIGIT ONE}".encode()],
        [b"1", b"2"],
        [b"9" * 5000],
    ],
)
def test_a_length_that_is_no_number_is_invalid(values: list[bytes]) -> None:
    with pytest.raises(InvalidHeader, match="content-length"):
        content_length([(b"content-length", value) for value in values])
