"""How the domains of a workspace find each other."""

from __future__ import annotations

import inspect

import pytest

from servehttp.workspace.domains.base.domain import Domain
from servehttp.workspace.workspace import Workspace


@pytest.mark.anyio
async def test_every_domain_has_each_domain_that_its_class_names(ws: Workspace) -> None:
    domains = [value for value in vars(ws).values() if isinstance(value, Domain)]
    kinds = {type(domain).__name__ for domain in domains}
    named = [
        (domain, name, kind)
        for domain in domains
        for owner in type(domain).__mro__
        for name, kind in inspect.get_annotations(owner).items()
        if kind in kinds
    ]
    assert len(named) > len(domains)
    for domain, name, kind in named:
        assert type(getattr(domain, name)).__name__ == kind, f"{type(domain).__name__}.{name}"
