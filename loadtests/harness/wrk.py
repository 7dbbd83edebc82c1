"""wrk: many small requests over connections that are kept alive."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import MeasurementError, NotMeasured
from harness.sides import Side
from harness.usage import cpu_seconds

SCRIPT = Path(__file__).with_name("wrk.lua")
GRACE = 30
"""Seconds that wrk may take longer than it was told to."""

BROWSER_HEADERS = (
    "Connection: keep-alive",
    "Cache-Control: max-age=0",
    'sec-ch-ua: "Chromium";v="130", "Google Chrome";v="130", "Not?A_Brand";v="99"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "Upgrade-Insecure-Requests: 1",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Site: none",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-User: ?1",
    "Sec-Fetch-Dest: document",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
)
COOKIE = "Cookie: session=" + "c" * (1024 - len("session="))


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: requests a second, latencies in microseconds, and CPU of all server processes in microseconds a
    request."""

    rps: float
    p50: float
    p95: float
    p99: float
    cpu: float


def run_wrk(
    side: Side, target: str, *, connections: int, seconds: int, headers: Sequence[str] = (), body: str = ""
) -> Measured:
    """Ask for one thing again and again; with a body it is posted.

    Raises:
        NotMeasured: there is no wrk here.
        MeasurementError: a request failed, or had another status than 2xx or 3xx.
    """
    before = cpu_seconds(side.pids)
    answer = _call(side, target, connections, seconds, headers, body)
    used = cpu_seconds(side.pids) - before
    if answer["errors"] or not answer["requests"]:
        raise MeasurementError(
            f"{side.name}: {answer['errors']:.0f} of {answer['requests']:.0f} requests for {target} failed"
        )
    return Measured(
        rps=answer["requests"] / answer["seconds"],
        p50=answer["p50"],
        p95=answer["p95"],
        p99=answer["p99"],
        cpu=used / answer["requests"] * 1e6,
    )


def _call(
    side: Side, target: str, connections: int, seconds: int, headers: Sequence[str], body: str
) -> dict[str, float]:
    program = shutil.which("wrk")
    if program is None:
        raise NotMeasured("wrk is not installed (Debian: apt-get install wrk)")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
    command += [word for header in headers for word in ("-H", header)]
    command.append(f"http://127.0.0.1:{side.port}{side.path(target)}")
    command += ["--", body] if body else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, check=True)
        answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        raise MeasurementError(f"{side.name}: wrk failed: {error}") from error
    return answer
