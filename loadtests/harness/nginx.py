"""nginx: where its program is, and how it is configured, always with one worker and without an access log."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness.errors import NotMeasured


def program() -> str:
    """The program's path.

    Raises:
        NotMeasured: it is not here.
    """
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise NotMeasured("nginx is not installed (Debian: apt-get install nginx-light)")
    return found


def command(folder: Path, http: str) -> list[str]:
    """What runs it with its files in a folder; `http` is what it does.

    Raises:
        NotMeasured: it is not here.
    """
    config = folder / "nginx.conf"
    config.write_text(_whole(folder, http))
    return [program(), "-p", str(folder), "-e", "stderr", "-c", str(config)]


def before(upstream: Path, port: int) -> str:
    """It passes everything to what listens at a unix socket, over connections that stay; small answers through its
    ordinary buffers, bodies and streams through none."""
    return f"""\
    client_max_body_size 0;
    map $http_upgrade $hop {{
        default upgrade;
        '' '';
    }}
    upstream app {{
        server unix:{upstream};
        keepalive 128;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection $hop;
        proxy_set_header Upgrade $http_upgrade;
        location / {{
            proxy_pass http://app;
        }}
        location ~ /(bytes|upload|sse|clock|ticks|echo|digest|ws)$ {{
            proxy_buffering off;
            proxy_request_buffering off;
            proxy_read_timeout 1h;
            proxy_pass http://app;
        }}
    }}
"""


def answering(body: str, port: int) -> str:
    """It answers everything by itself with the same JSON."""
    return f"""\
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type application/json;
        location / {{
            return 200 '{body}';
        }}
    }}
"""


def _whole(folder: Path, http: str) -> str:
    user = "user root;" if os.geteuid() == 0 else ""  # as another user the worker could not open a private socket
    return f"""\
{user}
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    keepalive_requests 1000000000;
{http}}}
"""
