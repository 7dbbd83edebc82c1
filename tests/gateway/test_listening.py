"""The listening socket: opened early, told plainly when it cannot be, and gone afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from servehttp.errors import ListenError
from servehttp.listening import activated, base_url, listen
from servehttp.settings.server import ServerSettings
from support.patience import PATIENCE


def test_port_0_takes_a_free_port_that_the_url_names() -> None:
    with listen(ServerSettings(port=0)) as listener:
        host, port = listener.getsockname()
        assert base_url(listener) == f"http://127.0.0.1:{port}"
        socket.create_connection((host, port), timeout=PATIENCE).close()


def test_what_is_written_to_a_client_leaves_at_once() -> None:
    async def delay() -> int:
        accepted = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: accepted.set_result(writer), sock=listener)
        async with server, asyncio.timeout(PATIENCE):
            _, client = await asyncio.open_connection(*listener.getsockname())
            writer = await accepted
            connection = writer.get_extra_info("socket")
            no_delay: int = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            client.close()
            writer.close()
        return no_delay

    with listen(ServerSettings(port=0)) as listener:
        assert asyncio.run(delay()) == 1


def test_a_url_names_an_address_a_browser_can_open() -> None:
    with listen(ServerSettings(host="0.0.0.0", port=0)) as listener:
        assert base_url(listener).startswith("http://127.0.0.1:")


def test_a_port_in_use_is_told_with_its_address() -> None:
    with listen(ServerSettings(port=0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ListenError, match=f"^cannot listen on 127.0.0.1:{port}: it is in use; .*--port") as caught:
            listen(ServerSettings(port=port)).__enter__()
    assert caught.value.exit_code == 1


def test_an_address_of_another_machine_is_told() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1:0: this machine has no such address"):
        listen(ServerSettings(host="192.0.2.1", port=0)).__enter__()


def test_a_name_that_is_not_known_is_told() -> None:
    with pytest.raises(ListenError, match="the name is not known"):
        listen(ServerSettings(host="no such name", port=0)).__enter__()


def test_a_unix_socket_is_served_and_gone_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with listen(ServerSettings(uds=path)) as listener:
        assert base_url(listener) == f"unix:{path}"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
    assert not path.exists()


def test_a_unix_socket_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with listen(ServerSettings(uds=path)), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_unix_socket_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with listen(ServerSettings(uds=path)):
        with pytest.raises(ListenError, match="it is in use"):
            listen(ServerSettings(uds=path)).__enter__()
        assert path.is_socket()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("keep")
    with pytest.raises(ListenError, match="not a socket"):
        listen(ServerSettings(uds=path)).__enter__()
    assert path.read_text() == "keep"


def test_a_path_that_is_too_long_or_leads_nowhere_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / ("x" * 200), tmp_path / "gone" / "gateway.sock"):
        with pytest.raises(ListenError, match="choose another path with --uds"):
            listen(ServerSettings(uds=path)).__enter__()
    assert os.listdir(tmp_path) == []


# Sockets that are handed over


def test_a_descriptor_of_a_socket_that_listens_is_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as theirs:
        with listen(ServerSettings(fd=os.dup(theirs.fileno()))) as listener:
            assert listener.getsockname() == theirs.getsockname()
            assert not listener.get_inheritable()
        socket.create_connection(theirs.getsockname(), timeout=PATIENCE).close()


def test_a_unix_socket_that_was_handed_over_keeps_its_file(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        with listen(ServerSettings(fd=os.dup(theirs.fileno()))) as listener:
            assert base_url(listener) == f"unix:{path}"
    assert path.exists()


def test_what_is_no_listening_socket_is_told_with_its_number() -> None:
    with (
        open(os.devnull) as file,
        pytest.raises(ListenError, match=f"file descriptor {file.fileno()}: it is no socket"),
    ):
        listen(ServerSettings(fd=file.fileno())).__enter__()
    one, other = socket.socketpair()
    with other, pytest.raises(ListenError, match="it is a socket that does not listen"):
        listen(ServerSettings(fd=one.detach())).__enter__()


def test_several_sockets_of_systemd_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "2")
    with pytest.raises(ListenError, match="2 sockets: one is served"):
        activated(os.environ)
    assert "LISTEN_FDS" not in os.environ


def test_sockets_for_another_process_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LISTEN_PID", "1")
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert activated(os.environ) is None
