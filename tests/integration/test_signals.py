"""What a gateway does at SIGHUP and SIGUSR1, alone and with workers."""

from __future__ import annotations

import asyncio
import shutil
import signal
import ssl
from pathlib import Path

import pytest

from mattermost_plugin.tls import TLSFiles
from support.certificates import Certificates, certificates
from support.client import connect, fetch
from support.gateway import Gateway, running
from support.patience import PATIENCE

__all__ = ["certificates"]  # pytest uses it

pytestmark = pytest.mark.anyio

SUBJECT = Path(__file__).parent / "plugins" / "subject"
BASE = "/plugins/com.example.subject"


async def reread(gateway: Gateway) -> list[str]:
    """Have it read its settings again; what has changed."""
    before = len(gateway.logs)
    gateway.process.send_signal(signal.SIGHUP)
    line = await gateway.log(lambda log: log in gateway.logs[before:] and log["event"] == "settings were read again")
    return list(line["changed"])


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_settings_are_read_again_and_what_is_open_is_told(workers: str, tmp_path: Path) -> None:
    config = tmp_path / "a.toml"
    config.write_text("[limits]\nmax_body_size = 1000\n[plugins]\nhealth_interval = 5\n")
    async with running(SUBJECT, "--config", config, "--workers", workers) as gateway:
        first = (await fetch(gateway.port, f"{BASE}/pid")).json()

        async with connect(gateway.port) as client:
            await client.start("GET", f"{BASE}/events")
            await client.end()
            await client.head()
            gateway.process.send_signal(signal.SIGUSR1)
            request = await gateway.log(lambda log: log["event"] == "open request")
            assert (request["plugin"], request["path"]) == ("com.example.subject", f"{BASE}/events")
            assert request["status"] == 200
            await gateway.log(lambda log: log["event"] == "task" and "wait_for_hangups" not in log["name"])

            config.write_text('[limits]\nmax_body_size = 2\n[log]\nlevel = "debug"\n[server]\nroot_path = "/x"\n')
            assert set(await reread(gateway)) == {
                "log.level",
                "limits.max_body_size",
                "plugins.health_interval",
            }
            await client.piece()  # what was open goes on
        fixed = await gateway.log(lambda log: log["event"] == "a setting cannot change while the gateway runs")
        assert fixed["setting"] == "server.root_path"
        async with asyncio.timeout(PATIENCE):
            while (await fetch(gateway.port, f"{BASE}/nothing", method="POST", body=b"12345")).status != 413:
                await asyncio.sleep(0.02)
        assert (await fetch(gateway.port, f"{BASE}/pid")).json() == first

        config.write_text("[limits]\nmax_body_size = -1\n")
        gateway.process.send_signal(signal.SIGHUP)
        bad = await gateway.log(lambda log: log["event"] == "the settings cannot be read again, and stay as they are")
        assert bad["error"].startswith(f"{config}: limits.max_body_size")
        assert await gateway.stop() == 0


async def serial_number(port: int, context: ssl.SSLContext) -> str:
    """That of the certificate by which a request was answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    number = str(writer.get_extra_info("ssl_object").getpeercert()["serialNumber"])
    writer.write(b"GET /livez HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    return number


async def test_workers_serve_by_the_certificate_that_is_there_after_a_hangup(
    certificates: Certificates,
    tmp_path: Path,
) -> None:
    def put(files: TLSFiles) -> None:
        for name in ("cert", "key"):
            shutil.copy(getattr(files, name), tmp_path / f"{name}.pem")

    put(certificates.server())
    files = ("--ssl-certfile", tmp_path / "cert.pem", "--ssl-keyfile", tmp_path / "key.pem")
    context = ssl.create_default_context(cafile=certificates.ca)
    async with running(SUBJECT, "--workers", "2", *files) as gateway:
        [serving] = [log for log in gateway.logs if log["event"] == "serving"]
        assert serving["url"].startswith("https://127.0.0.1:")
        first = await serial_number(gateway.port, context)
        put(certificates.server())
        await reread(gateway)
        async with asyncio.timeout(PATIENCE):
            while await serial_number(gateway.port, context) == first:
                await asyncio.sleep(0.02)
        assert await gateway.stop() == 0
