"""Where a plugin listens."""

from __future__ import annotations

import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext
from pathlib import Path

import pytest

from mattermost_plugin.handshake import Handshake
from mattermost_plugin.process.addresses import (
    AddressError,
    bind,
    check_encryption,
    host_address,
    is_reachable_from_outside,
    parse_address,
    release,
)

Listen = Callable[[Handshake], Handshake]


@pytest.fixture
def listen() -> Iterator[Callable[[Handshake], Handshake]]:
    """Binds, and lets go at the end."""
    with ExitStack() as stack:

        def listen(address: Handshake) -> Handshake:
            bound, sockets = bind(address)
            for listening in sockets:
                stack.enter_context(listening)
            return bound

        yield listen


def test_addresses_are_read() -> None:
    assert parse_address("unix:/tmp/x") == Handshake("unix", "/tmp/x")
    assert parse_address("unix:x") == Handshake("unix", str(Path.cwd() / "x"))
    assert parse_address("127.0.0.1:7000") == Handshake("tcp", "127.0.0.1:7000")
    assert parse_address("[::1]:0") == Handshake("tcp", "[::1]:0")


@pytest.mark.parametrize("text", ["", "7000", ":7000", "unix:", "localhost", "localhost:http", "127.0.0.1:70000"])
def test_what_is_no_address_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(AddressError, match=r"write unix:PATH or HOST:PORT"):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "outside"),
    [("127.0.0.1:1", False), ("[::1]:1", False), ("localhost:1", False), ("unix:/x", False), ("0.0.0.0:1", True)],
)
def test_an_address_tells_whether_others_reach_it(text: str, outside: bool) -> None:
    assert is_reachable_from_outside(parse_address(text)) is outside


def test_a_host_may_want_a_socket_in_its_folder() -> None:
    assert host_address({}) == Handshake("tcp", "127.0.0.1:0")
    first, second = (host_address({"PLUGIN_UNIX_SOCKET_DIR": "/run/p"}) for _ in range(2))
    assert first.network == "unix"
    assert Path(first.address).parent == Path("/run/p")
    assert first != second


def test_a_free_port_is_found(listen: Listen) -> None:
    address = listen(Handshake("tcp", "127.0.0.1:0"))
    assert address.network == "tcp"
    assert int(address.address.removeprefix("127.0.0.1:")) > 0


def test_a_used_port_is_an_error(listen: Listen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(AddressError, match=f"cannot listen at {address}: Address already in use"):
            listen(Handshake("tcp", address))


def test_only_the_owner_may_connect_to_a_socket(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "s"
    address = listen(Handshake("unix", str(path)))
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
    release(address)
    assert not path.exists()
    release(address)


def test_a_stale_socket_is_replaced(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    before = path.stat().st_ino, path.stat().st_ctime_ns
    listen(Handshake("unix", str(path)))
    assert (path.stat().st_ino, path.stat().st_ctime_ns) != before


def test_a_live_socket_is_an_error(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as live:
        live.bind(str(path))
        live.listen()
        with pytest.raises(AddressError, match="another process does"):
            listen(Handshake("unix", str(path)))


def test_a_file_in_the_way_is_an_error_and_stays(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text("precious")
    with pytest.raises(AddressError, match="is no socket"):
        listen(Handshake("unix", str(path)))
    assert path.read_text() == "precious"


def test_a_path_that_cannot_be_is_an_error(listen: Listen, tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="its folder does not exist"):
        listen(Handshake("unix", str(tmp_path / "none" / "s")))
    with pytest.raises(AddressError, match="has at most 103 bytes"):
        listen(Handshake("unix", str(tmp_path / ("s" * 104))))


def test_a_name_is_listened_at_with_all_its_addresses(listen: Listen) -> None:
    address = listen(Handshake("tcp", "localhost:0"))
    for _, _, _, _, name in socket.getaddrinfo("localhost", int(address.address.rpartition(":")[2]), type=1):
        socket.create_connection((str(name[0]), int(name[1]))).close()


def test_a_name_that_is_not_known_is_an_error(listen: Listen) -> None:
    with pytest.raises(AddressError, match=r"cannot listen at nobody\.invalid:0: "):
        listen(Handshake("tcp", "nobody.invalid:0"))


@pytest.mark.parametrize(
    ("address", "tls", "plaintext", "allowed"),
    [
        (Handshake("unix", "/x"), False, False, True),
        (Handshake("tcp", "127.0.0.1:0"), False, False, True),
        (Handshake("tcp", "0.0.0.0:0"), False, False, False),
        (Handshake("tcp", "[::]:0"), False, False, False),
        (Handshake("tcp", "10.0.0.1:7000"), True, False, True),
        (Handshake("tcp", "10.0.0.1:7000"), False, True, True),
    ],
)
def test_other_machines_have_to_speak_tls(address: Handshake, tls: bool, plaintext: bool, allowed: bool) -> None:
    with nullcontext() if allowed else pytest.raises(AddressError, match="plaintext:"):
        check_encryption(address, tls=tls, plaintext=plaintext)
