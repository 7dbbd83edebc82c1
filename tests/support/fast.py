"""Which tests `make test-fast` leaves out, and what holds the others to it: they start no process and use no network.

A unix socket is no network. What gRPC's library does below Python is not seen here. Left out as well is what takes long
by itself: what is over a database, and a few others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path

TESTS = Path(__file__).parents[1]

LEFT_OUT = (
    "benchmarks/test_ratios.py",
    "docs/test_messages.py",
    "docs/test_pages.py",
    "docs/test_terminal.py",
    "examples/test_container.py",
    "examples/test_observability.py",
    "examples/test_proxies.py",
    "examples/test_served.py",
    "examples/test_workspace_examples.py",
    "gateway/test_cli.py",
    "gateway/test_interpreter.py",
    "gateway/test_listening.py",
    "gateway/metrics/test_listener.py",
    "gateway/authoring/*",
    "gateway/operating/*",
    "gateway/front/forwarding/*",
    "gateway/front/server/*",
    "gateway/front/test_accepting.py",
    "gateway/front/test_both_*.py",
    "gateway/front/test_cached_heads.py",
    "gateway/front/test_cookies.py",
    "gateway/front/test_direct*.py",
    "gateway/front/test_endings.py",
    "gateway/front/test_half_closed.py",
    "gateway/front/test_identity_outage.py",
    "gateway/front/test_live_pages.py",
    "gateway/front/test_public_files.py",
    "gateway/front/test_replicas.py",
    "gateway/front/test_scopes_beside_uvicorn.py",
    "gateway/front/test_server_*.py",
    "gateway/front/test_start_page.py",
    "gateway/front/test_websocket*.py",
    "gateway/front/test_what_connections_leave.py",
    "gateway/plugins/test_attached*.py",
    "gateway/plugins/test_child.py",
    "gateway/plugins/test_link_calls.py",
    "gateway/plugins/test_observers.py",
    "gateway/plugins/test_probe.py",
    "gateway/plugins/test_process.py",
    "gateway/plugins/test_reaper.py",
    "gateway/plugins/test_replacing.py",
    "gateway/plugins/test_registry.py",
    "gateway/plugins/test_supervised_processes.py",
    "gateway/plugins/test_tls.py",
    "gateway/plugins/test_users.py",
    "gateway/plugins/test_virtual_environments.py",
    "gateway/workers/test_pool.py",
    "gateway/workspace/test_every_hook.py",
    "gateway/workspace/test_message_limits.py",
    "gateway/workspace/domains/*",
    "gateway/workspace/embedding/*",
    "gateway/workspace/rest/*",
    "gateway/workspace/rpc/*",
    "gateway/workspace/store/*",
    "integration/*",
    "interop/*",
    "loadtests/test_processes.py",
    "loadtests/test_soak.py",
    "sdk/test_given_up_steps.py",
    "sdk/test_imports.py",
    "sdk/api/test_generated.py",
    "sdk/api/test_models.py",
    "sdk/api/test_plugin.py",
    "sdk/hooks/test_[abcflsv]*.py",
    "sdk/http2/test_bounds.py",
    "sdk/listening/*",
    "sdk/process/test_addresses.py",
    "sdk/process/test_heap.py",
    "sdk/process/test_process.py",
    "sdk/process/test_served_application.py",
    "sdk/process/test_server.py",
    "sdk/serve_http/test_hook_answers.py",
    "sdk/serve_http/test_hook_failures.py",
    "sdk/serve_http/test_hook_streaming.py",
    "sdk/testing/test_gateway.py",
    "sdk/testing/test_pytest_plugin.py",
    "tunnel/test_peers.py",
    "tunnel/direct/test_gateway_connects.py",
    "tunnel/direct/test_plugin_sockets.py",
    "tunnel/direct/test_server_close.py",
    "wire/test_generated.py",
    "test_build_hook.py",
    "test_compiled_build.py",
)
"""Patterns of paths below tests/."""

STARTS = frozenset(("os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "subprocess.Popen"))
REACHES = frozenset(("socket.bind", "socket.connect"))
"""Audit events, as Python names them."""


def is_left_out(path: Path) -> bool:
    """Whether a module of tests is not among the fast ones."""
    name = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
    return any(fnmatchcase(name, pattern) for pattern in LEFT_OUT)


class Guard:
    """Fails what a fast test must not do, for as long as it holds."""

    def __init__(self) -> None:
        self._holds = False
        sys.addaudithook(self._look)

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold for the time of the block."""
        self._holds = True
        try:
            yield
        finally:
            self._holds = False

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._holds and (event in STARTS or (event in REACHES and isinstance(arguments[1], tuple))):
            raise RuntimeError(f"a fast test must not do this ({event}): name its module in tests/support/fast.py")
