"""Writes docs/api.md: every method of the API clients, by domain."""

from __future__ import annotations

import ast

from definitions import Domain, Method

INTRODUCTION = """\
<!-- Made by sdk/generate from sdk/generate/table; do not edit. -->

# The host's API

`self.api` is a `PluginAPIClient`, for sync handlers and threads; `self.async_api` is an `AsyncPluginAPIClient`, for
async code. Both have the same {count} methods, one for each rpc. They connect by themselves, to the host that
`MATTERMOST_PLUGIN_API_TARGET` names; if that listens on TCP, they prove themselves with the token in
`MATTERMOST_PLUGIN_API_TOKEN`.

<!-- fragment -->
```python
post = self.api.create_post(Post(channel_id=channel_id, user_id=bot_id, message="Hello"))
user = await self.async_api.get_user(post.user_id, timeout=2)
```

- A failure is a `PluginAPIError`: `NotFoundError`, `PermissionDeniedError`, `ValidationError`, `AlreadyExistsError`,
  `UnavailableError`, or the class itself. `error_id`, `status_code`, `where` and the rest say what the host said.
- A call takes 30 seconds at most, one that carries a file 300; `timeout=` says otherwise for a call, `timeout` and
  `transfer_timeout` for a client. `log_debug` and its like have no `timeout=`: what they are given by name is a field.
- Calls marked with ↻ are tried again within that time, up to three times, while the host is unavailable.
- The blocking client raises `RuntimeError` on the thread of a running event loop. It would stop the loop, and dead-lock
  when the host calls a hook before it answers.
- What goes in and out are the models of `mattermost_plugin.models`. The wire has only doubles for the numbers in
  `props` and other free-form fields: ints are exact up to 2^53, and larger ones are refused.
- `kv_get` gives None for a missing key. A stored value is never empty, because hosts take storing an empty one for a
  deletion; `kv_set` and the like refuse to.
- `upload_stream` sends a file of any size in pieces, `open_file` and `iter_file` give one to read from. The content
  arrives in one message, of no more bytes than the host allows (`MATTERMOST_PLUGIN_MESSAGE_SIZE`, 101 MiB where it
  does not say) unless the client's `options` say otherwise.
"""


def page(domains: list[Domain]) -> str:
    """The whole text."""
    count = sum(len(domain.methods) for domain in domains)
    return INTRODUCTION.format(count=count) + "".join(_section(domain) for domain in domains)


def _section(domain: Domain) -> str:
    title = domain.doc.splitlines()[0].rstrip(".")
    rows = "".join(_row(method) for method in domain.methods)
    return f"\n## {title}\n\n| method | what it does | returns | | rpc |\n|---|---|---|---|---|\n{rows}"


def _row(method: Method) -> str:
    names = ", ".join(method.names)
    again = "↻" if "repeatable" in method.marks else ""
    returns = ast.unparse(method.returns).replace("|", r"\|")
    summary = method.doc.text.split("\n\n")[0].replace("\n", " ").replace("|", r"\|")
    return f"| `{method.name}({names})` | {summary} | `{returns}` | {again} | {method.rpc.name} |\n"
