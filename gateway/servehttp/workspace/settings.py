"""Settings of the workspace and its REST API, and with those of the gateway, every setting there is.

The documentation's table is made from here. A value comes from the command line, else from the environment
(`SERVEHTTP_SERVER__PORT`), else from a TOML file (`[server] port = 8065`), else it is the default. Names that do not
exist are errors, wherever they stand. `Settings()` reads nothing from outside; `Settings.load()` reads all of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    ByteSize,
    Field,
    model_validator,
)

from mattermost_plugin.targets import parse_target
from servehttp.settings.gateway import GatewaySettings
from servehttp.settings.kinds import (
    Address,
    ApiTransport,
    Count,
    CountOrZero,
    FilesUrl,
    Group,
    Seconds,
    Size,
    Strings,
    Url,
)

DATABASE_FILE = "workspace.db"
TOKEN_FILE = "admin-token"
PLUGIN_TOKENS_FILE = "plugin-tokens"
"""The database, below `data_dir`, unless `workspace.database_url` names another."""


class WorkspaceSettings(Group):
    """The embedded workspace, and the API and hooks by which plugins see it."""

    enabled: bool = Field(
        default=True,
        description="Whether there is one; without it plugins have no API, and no hooks but those of their life.",
    )
    database_url: Url = Field(
        default="", description="Any SQLAlchemy URL, such as postgresql://HOST/NAME; SQLite in data_dir if empty."
    )
    database_connect_timeout: Seconds = Field(
        default=5, description="Seconds to connect to a database server; without a connection the answer is 503."
    )
    database_timeout: Seconds = Field(
        default=15,
        description="Seconds that a transaction may take with a database server, all its waiting included (503).",
    )
    database_pool: Annotated[int, Field(ge=2)] = Field(
        default=15, description="Connections to a database server that each process of a gateway has at most."
    )
    database_pooler: bool = Field(
        default=False,
        description="Whether database_url leads to a pooler that gives a session for each transaction, such as "
        "pgbouncer: then nothing is prepared or set for longer.",
    )
    database_check_interval: Seconds = Field(
        default=5, description="Seconds between two looks whether the database serves, which /readyz tells."
    )
    bus_url: Url = Field(
        default="",
        description="Where gateways of one PostgreSQL database tell each other what happens: the server itself, not a "
        "pooler; database_url if empty.",
    )
    bus_timeout: Seconds = Field(default=5, description="Seconds that the server has for each step of that.")
    bus_check_interval: Seconds = Field(
        default=5, description="Seconds without news after which it is seen whether the server is still there."
    )
    bus_kept: Seconds = Field(
        default=600,
        description="Seconds for which that is kept; a gateway that was away longer has its WebSocket clients connect "
        "anew.",
    )
    bus_queue: Count = Field(
        default=10_000, description="Messages that may wait while the server is away; of more the oldest are lost."
    )
    busy_timeout: Seconds = Field(
        default=10, description="Seconds that a writer waits for its turn while others write to the database (503)."
    )
    files: FilesUrl = Field(
        default="",
        description="Where uploaded files are kept: file:/PATH or s3://BUCKET/PREFIX; in data_dir if empty. "
        "Credentials of S3 are the usual variables, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    )
    files_endpoint: Url = Field(
        default="", description="http:// or https:// URL of a server that speaks S3; Amazon's own if empty."
    )
    files_region: str = Field(default="us-east-1", description="The region of the bucket.")
    files_connect_timeout: Seconds = Field(default=5, description="Seconds to connect to the S3 server.")
    files_timeout: Seconds = Field(
        default=30, description="Seconds that a request to the S3 server may take, and its repetitions begin (503)."
    )
    files_retries: CountOrZero = Field(
        default=3, description="How often a request to the S3 server that failed is made again."
    )
    api_transport: ApiTransport = Field(
        default="unix", description="How plugins reach the API: a socket of their own, or loopback TCP with a token."
    )
    api_tcp: Strings = Field(
        default=(), description="Ids of plugins that reach the API by loopback TCP, whatever the others do."
    )
    api_listen: Address | None = Field(
        default=None,
        description="HOST:PORT where plugins on other machines reach the API, by TLS: those of plugins.remote and "
        "plugins.attach, each by its certificate or its token; unless HOST is a loopback address, api_cert is needed.",
    )
    api_cert: Path | None = Field(
        default=None, description="The certificate (PEM) that is shown there; read again when it changes."
    )
    api_key: Path | None = Field(default=None, description="The key (PEM, not encrypted) of workspace.api_cert.")
    api_client_ca: Path | None = Field(
        default=None,
        description="The CAs (PEM) of those plugins' certificates, in which a DNS name is the plugin's id.",
    )
    api_tokens: Path | None = Field(
        default=None,
        description="The file of those plugins' tokens, which `servehttp plugin-token` adds to; plugin-tokens in "
        "data_dir if it is not set.",
    )
    api_message_size: Size = Field(
        default=ByteSize(100 * 1024 * 1024),
        description="Largest content of a message of the plugin API in bytes; files and bundles may be larger.",
    )
    bundle_unpacked_size: Size = Field(
        default=ByteSize(1024 * 1024 * 1024), description="What a plugin's bundle may hold, in bytes once unpacked."
    )
    bundle_files: Count = Field(default=50_000, description="Files and folders that a plugin's bundle may hold.")
    plugin_http_timeout: Seconds = Field(
        default=30, description="Seconds that a plugin has to answer a request of another plugin."
    )
    hook_timeout: Seconds = Field(default=30, description="Seconds that one plugin has for a hook about the workspace.")
    hook_queue: Count = Field(
        default=1024, description="Notifying hooks that wait for one plugin; further ones are dropped, and logged."
    )
    hook_concurrency: Count = Field(default=8, description="Notifying hooks that run at once in one plugin.")
    event_queue: Count = Field(
        default=256, description="Events that wait for one WebSocket client before it is disconnected."
    )
    dialog_timeout: Seconds = Field(
        default=3, description="Seconds within which a plugin may answer a command or a button by a dialog."
    )
    cleanup_interval: Seconds = Field(
        default=3600, description="Seconds between two times that expired keys, sessions and uploads are deleted."
    )
    session_cache: Seconds = Field(
        default=10,
        description="Seconds after which a token is looked up anew, whatever was told of it meanwhile.",
    )
    forget_timeout: Seconds = Field(
        default=2,
        description="Seconds that what ends a login waits until every worker has forgotten it.",
    )
    session_hours: Count = Field(default=720, description="Hours that a login lasts.")
    password_min_length: Annotated[int, Field(ge=5, le=72)] = Field(
        default=8, description="Least length of a password, in characters."
    )
    login_attempts: Count = Field(
        default=10, description="Wrong passwords in a row after which an account is locked for a while."
    )
    login_lock: Seconds = Field(
        default=300, description="Seconds from the last wrong password until a locked account is open again."
    )
    login_rate: Count = Field(
        default=10, description="Logins that one client address may try within the window, for one account (429)."
    )
    login_address_rate: Count = Field(
        default=60, description="Logins that one client address may try within the window, for all accounts (429)."
    )
    password_threads: Count = Field(default=2, description="Passwords that are hashed at a time, which takes a core.")
    password_queue: Count = Field(
        default=64, description="Passwords that may wait to be hashed; beyond that a login is a 503."
    )
    login_window: Seconds = Field(default=60, description="Seconds of the window in which logins are counted.")
    max_file_size: Size = Field(default=ByteSize(100 * 1024 * 1024), description="Largest uploaded file, in bytes.")

    @model_validator(mode="after")
    def _check_api(self) -> Self:
        if (self.api_cert is None) != (self.api_key is None):
            raise ValueError("api_cert and api_key go together: a certificate and its key")
        if self.api_listen is not None and self.api_cert is None and not parse_target(self.api_listen).is_local:
            raise ValueError(f"api_listen is {self.api_listen}, which other machines reach: api_cert is needed")
        return self


class RestSettings(Group):
    """Mattermost's REST API and its WebSocket, by which people and programs use the workspace."""

    body_size: Size = Field(
        default=ByteSize(1024 * 1024), description="Largest JSON body of a request, in bytes (413)."
    )
    bundle_size: Size = Field(
        default=ByteSize(100 * 1024 * 1024), description="Largest plugin bundle that may be uploaded, in bytes (413)."
    )
    websocket_auth_timeout: Seconds = Field(
        default=5, description="Seconds that a WebSocket client has to show who it is before it is disconnected."
    )
    websocket_message_size: Size = Field(
        default=ByteSize(8 * 1024), description="Largest message from a WebSocket client, in bytes (close code 1009)."
    )
    websocket_send_timeout: Seconds = Field(
        default=30, description="Seconds that a WebSocket client has to take a message before it is disconnected."
    )


class Settings(GatewaySettings):
    """All settings. Frozen; made by `Settings.load`, or directly where a program embeds the gateway."""

    workspace: WorkspaceSettings = WorkspaceSettings()
    rest: RestSettings = RestSettings()
