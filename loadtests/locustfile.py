"""Load for the example plugins: `locust -f loadtests/locustfile.py --host http://127.0.0.1:8065` beside `make demo`.

Names of users on the command line choose among them: `locust -f loadtests/locustfile.py JsonUser SseUser`.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

from locust import events
from locust.argument_parser import LocustArgumentParser
from locust.env import Environment
from locust.runners import LocalRunner, Runner, WorkerRunner
from users import thresholds
from users.aborting import AbortingUser
from users.http import DownloadUser, JsonUser, SlowReaderUser, SseUser, UploadUser
from users.recorder import Recorder
from users.websocket import WebSocketUser

__all__ = [
    "AbortingUser",
    "DownloadUser",
    "JsonUser",
    "SlowReaderUser",
    "SseUser",
    "UploadUser",
    "WebSocketUser",
]

THRESHOLD_BROKEN = 5
"""Exit code."""

log = logging.getLogger(__name__)


@events.init_command_line_parser.add_listener
def add_options(parser: LocustArgumentParser) -> None:
    """Options of our own, each also an environment variable. Their values are plain, for they travel to workers."""
    parser.add_argument(
        "--pause",
        type=float,
        default=0.1,
        env_var="LOADTEST_PAUSE",
        help="seconds a user waits between two tasks, half more or less",
    )
    parser.add_argument(
        "--fail-on",
        type=limits,
        action="append",
        default=[],
        env_var="LOADTEST_FAIL_ON",
        metavar="LIMIT",
        include_in_web_ui=False,
        help="end with exit code 5 on a limit such as 'p95:GET /json>50', 'fail>0.01' or 'rps:GET /json<100'; "
        "may be repeated, or hold several with ; between them",
    )
    parser.add_argument(
        "--times",
        default="",
        env_var="LOADTEST_TIMES",
        metavar="FILE",
        include_in_web_ui=False,
        help="write exact percentiles as JSON; not with workers",
    )
    parser.add_argument(
        "--warm-up", type=float, default=1.0, env_var="LOADTEST_WARM_UP", help="seconds that --times leaves out"
    )


def limits(text: str) -> str:
    """Limits with ; between them, as they are."""
    try:
        thresholds.parse_all(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


@events.init.add_listener
def record_times(environment: Environment, runner: Runner | None = None, **_: Any) -> None:
    """With --times, keep every time and write their percentiles at the end; only where one process does it all."""
    options = environment.parsed_options
    if options is None or not options.times:
        return
    if not isinstance(runner, LocalRunner):
        log.warning("--times is left out: the requests are made by other processes")
    else:
        recorder = Recorder(options.warm_up)
        environment.events.request.add_listener(recorder.record)
        environment.events.quitting.add_listener(lambda **_: recorder.write(Path(options.times)))


@events.quitting.add_listener
def check_limits(environment: Environment, **_: Any) -> None:
    """Turn broken limits into the exit code, where the statistics come together."""
    options = environment.parsed_options
    if options is None or isinstance(environment.runner, WorkerRunner):
        return
    entries = {f"{method} {name}": entry for (name, method), entry in environment.stats.entries.items()}
    wanted = [threshold for text in options.fail_on for threshold in thresholds.parse_all(text)]
    broken = thresholds.broken(wanted, entries, environment.stats.total)
    for sentence in broken:
        log.error(sentence)
    if broken:
        environment.process_exit_code = THRESHOLD_BROKEN
