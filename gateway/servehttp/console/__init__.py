"""The console: what administrators see of a running gateway and do to it, as pages and as a REST API beside them.

`console` is the whole, `application` its routes, which `pages` and `api` have with who may use them; `doors` knows who
comes. What is shown comes from `overview`, over `watching` with its `history`, `totals` and `quantiles`: the same
figures as those for Prometheus. What a workspace can do is asked of its own REST API, by `inside`.
"""

from servehttp.console.console import Console

__all__ = ["Console"]
