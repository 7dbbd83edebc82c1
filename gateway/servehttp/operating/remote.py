"""The gateway that a command is about: where it is, whose token opens it, and how answers are printed."""

from __future__ import annotations

import functools
import inspect
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from servehttp.errors import GatewayError
from servehttp.operating.options import ConfigOption, DataDirOption, GivenSettings, JsonOption
from servehttp.settings.server import ServerSettings
from servehttp.settings.sources import TOKEN_VARIABLE, URL_VARIABLE
from servehttp.workspace.settings import TOKEN_FILE

if TYPE_CHECKING:
    from servehttp.operating.rest_client import RestClient, Token

EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses to listen on, and how one gets there."""
NO_TOKEN = f"no token: give --token or {TOKEN_VARIABLE}, or keep one with `servehttp user token --save`"


class NoTokenError(GatewayError):
    """Nothing tells who asks."""


class Remote:
    """A gateway that runs.

    Args:
        url: where it is; None for where the settings have it listen.
        token: whose it is; None for the one that is kept in the data folder.
        given: what the settings of the gateway are read from.
        as_json: whether answers are printed as JSON.

    Attributes:
        given: that.
        settings: those settings.
        as_json: that.
    """

    def __init__(self, url: str | None, token: str | None, given: GivenSettings, as_json: bool) -> None:
        self._given_url = url
        self._given_token = token
        self.given = given
        self.settings = given.load()
        self.as_json = as_json

    @functools.cached_property
    def rest(self) -> RestClient:
        """Its REST API.

        Raises:
            GatewayError: it is not known where it is, or there is no token.
        """
        from servehttp.operating.rest_client import RestClient

        url = self._given_url or listening_url(self.settings.server)
        return RestClient(url, self._find_token(url))

    @property
    def known_token(self) -> str:
        """The token by which it is asked; empty where there is none."""
        try:
            return self._find_token(self._given_url or listening_url(self.settings.server)).value
        except GatewayError:
            return ""

    def show(self, value: object, text: Callable[[], object]) -> None:
        """Print a value as JSON, or else what `text` returns, or has printed itself if that is None."""
        if self.as_json:
            print(json.dumps(value, indent=2))
        elif (line := text()) is not None:
            print(line)

    def _find_token(self, url: str) -> Token:
        from servehttp.operating.rest_client import Token, is_local

        if self._given_token:
            where = TOKEN_VARIABLE if self._given_token == os.environ.get(TOKEN_VARIABLE) else "--token"
            return Token(self._given_token, where)
        file = self.settings.data_dir / TOKEN_FILE
        if self._given_url and not is_local(self._given_url):  # it is the token of the gateway here
            raise NoTokenError(f"no token for {url}: give --token or {TOKEN_VARIABLE}")
        try:
            return Token(file.read_text(encoding="ascii").strip(), str(file))
        except FileNotFoundError:
            raise NoTokenError(f"{NO_TOKEN} ({file} is not there)") from None
        except (OSError, ValueError) as error:
            raise NoTokenError(f"{NO_TOKEN} ({file} cannot be read: {error})") from None


def listening_url(server: ServerSettings) -> str:
    """Where a gateway with these settings is found on this machine.

    Raises:
        GatewayError: it takes whatever port is free.
    """
    if server.uds is not None:
        return f"unix:{server.uds}"
    if server.port == 0:
        raise GatewayError(
            f"the settings have it listen on any free port: name its address with --url or {URL_VARIABLE}"
        )
    host = EVERYWHERE.get(server.host, server.host)
    scheme = "http" if server.ssl_certfile is None else "https"
    return f"{scheme}://[{host}]:{server.port}" if ":" in host else f"{scheme}://{host}:{server.port}"


def with_gateway(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose first parameter is a `Remote` gets the options that lead to it in place of that."""

    @functools.wraps(command)
    def run(
        url: str | None, token: str | None, config: Path | None, data_dir: Path | None, as_json: bool, **own: Any
    ) -> None:
        command(Remote(url, token, GivenSettings(config, {"data_dir": data_dir}), as_json), **own)

    signature = inspect.signature(command, eval_str=True)
    _, *own = signature.parameters.values()
    parameters = [*own, *inspect.signature(_options, eval_str=True).parameters.values()]
    # That is where typer looks, for which the wrapped function has to be out of sight.
    del run.__dict__["__wrapped__"]
    run.__dict__["__signature__"] = signature.replace(parameters=parameters)
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options(
    *,
    as_json: JsonOption = False,
    url: Annotated[
        str | None,
        typer.Option(
            help="Where the gateway is: http://HOST:PORT, https://HOST or unix:PATH; by default where the settings "
            "have it listen.",
            metavar="URL",
            envvar=URL_VARIABLE,
            rich_help_panel="Gateway",
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="An administrator's access token; by default that of the file admin-token in the data folder.",
            metavar="TOKEN",
            envvar=TOKEN_VARIABLE,
            rich_help_panel="Gateway",
        ),
    ] = None,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """The options that lead to a gateway, as a signature."""
