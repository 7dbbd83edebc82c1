"""wrk: many small requests over connections that are kept alive."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.errors import MeasurementError, NotMeasured
from harness.sides import Side
from harness.usage import cpu_by_process

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


POST, VARY = "post", "vary"
"""What the script is told: to post the body that follows, or to make every head another."""


def run_wrk(
    side: Side,
    target: str,
    *,
    connections: int,
    seconds: int,
    headers: Sequence[str] = (),
    words: Sequence[str] = (),
) -> dict[str, float]:
    """Ask for one thing again and again.

    Args:
        side: the server.
        target: what is asked for.
        connections: how many stay open.
        seconds: how long.
        headers: what is sent besides.
        words: for the script.

    Returns:
        Requests a second, latencies in microseconds, CPU of all server processes in microseconds a request, and as
        much of each process.

    Raises:
        NotMeasured: there is no wrk here.
        MeasurementError: a request failed, or had another status than 2xx or 3xx.
    """
    before = cpu_by_process(side.pids)
    answer = _call(side, target, connections, seconds, headers, words)
    after = cpu_by_process(side.pids)
    if answer["errors"] or not answer["requests"]:
        raise MeasurementError(
            f"{side.name}: {answer['errors']:.0f} of {answer['requests']:.0f} requests for {target} failed"
        )
    spent = {name: (after[name] - before.get(name, 0.0)) / answer["requests"] * 1e6 for name in after}
    latencies = {name: answer[name] for name in ("p50", "p95", "p99")}
    return {"rps": answer["requests"] / answer["seconds"], **latencies, "cpu": sum(spent.values()), **spent}


def _call(
    side: Side, target: str, connections: int, seconds: int, headers: Sequence[str], words: Sequence[str]
) -> dict[str, float]:
    program = shutil.which("wrk")
    if program is None:
        raise NotMeasured("wrk is not installed (Debian: apt-get install wrk)")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(SCRIPT)]
    command += [word for header in headers for word in ("-H", header)]
    command.append(f"http://127.0.0.1:{side.port}{side.path(target)}")
    command += ["--", *words] if words else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + GRACE, check=True)
        answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.SubprocessError, ValueError, IndexError) as error:
        raise MeasurementError(f"{side.name}: wrk failed: {error}") from error
    return answer
