"""How the domains of a workspace find each other."""

from __future__ import annotations

import inspect

import pytest

from servehttp.workspace.domains.base.domain import Domain, Resources
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


class Teams(Domain):
    """A domain for these tests."""


class Astray(Domain):
    """Asks by a name that the workspace does not know."""

    teems: Teams


class Mistaken(Domain):
    """Asks another domain than it says."""

    astray: Teams


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [Astray, Mistaken])
async def test_a_domain_that_names_another_wrongly_does_not_come_up(ws: Workspace, kind: type[Domain]) -> None:
    resources = Resources(ws.database, ws.blobs, ws.settings, ws.hooks, ws.events, ws.clock)
    domains = {"teams": Teams(resources), "astray": Astray(resources)}
    with pytest.raises(TypeError, match="is no Teams of the workspace"):
        kind(resources).join(domains)
