"""`servehttp user …`: accounts, in the data folder itself, whether or not a gateway serves it."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Annotated, TypeAlias

import typer

from servehttp import logs
from servehttp.operating.options import ConfigOption, DataDirOption, JsonOption, load_settings
from servehttp.operating.secret_input import read_secret
from servehttp.workspace.embedding.choice import loading

user = typer.Typer(
    help="Accounts of the workspace, in its data folder, whether or not a gateway serves it.", no_args_is_help=True
)

Username: TypeAlias = Annotated[str, typer.Argument(help="Whose account it is.", metavar="USERNAME")]


@user.command(epilog="Example: servehttp user add ada --admin")
def add(
    username: Username,
    email: Annotated[str, typer.Option(help="Its address; else one that leads nowhere.", metavar="ADDRESS")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="An administrator of the whole.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Add a user. The password is asked for without echo, or is a line of standard input."""
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():  # here, because the database's libraries take long to import
        from servehttp.workspace.embedding.accounts import ADMIN_ROLES, USER_ROLES, add_user, check_workspace

    check_workspace(settings)
    password = read_secret(f"Password of {username}: ", twice=True)
    roles = ADMIN_ROLES if admin else USER_ROLES
    made = asyncio.run(add_user(username, email, password, settings, roles))
    told = {
        name: value for name, value in dataclasses.asdict(made).items() if name in ("id", "username", "email", "roles")
    }
    print(json.dumps(told, indent=2) if as_json else f"{made.username} <{made.email}> is added")


@user.command(epilog="Example: servehttp user password ada")
def password(username: Username, config: ConfigOption = None, data_dir: DataDirOption = None) -> None:
    """Give a user another password, asked for without echo, or a line of standard input; all their logins end."""
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():
        from servehttp.workspace.embedding.accounts import check_workspace, set_password

    check_workspace(settings)
    new = read_secret(f"New password of {username}: ", twice=True)
    asyncio.run(set_password(username, new, settings))
    print(f"{username} has another password")


@user.command(epilog="Example: servehttp user token ada --save")
def token(
    username: Annotated[str, typer.Argument(help="Whose token it is.", metavar="[USERNAME]")] = "admin",
    save: Annotated[
        bool, typer.Option("--save", help="Keep it in the data folder, where `servehttp plugin` finds it.")
    ] = False,
    config: ConfigOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Make a new access token, and print it, or keep it in the file admin-token, which only you can read."""
    settings = load_settings(config, {"data_dir": data_dir})
    logs.configure(settings.log)

    with loading():
        from servehttp.workspace.embedding.accounts import make_token_of
        from servehttp.workspace.embedding.first_start import keep_token

    made = asyncio.run(make_token_of(username, settings))
    print(f"the token of {username} is in {keep_token(made, settings)}" if save else made)
