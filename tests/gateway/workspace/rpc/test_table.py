"""Which rpcs are served."""

from __future__ import annotations

from servehttp.workspace.rpc.table import HANDLERS, RPCS


def test_all_rpcs_are_served_but_those_that_need_a_licence() -> None:
    assert RPCS.keys() - HANDLERS.keys() == {"GetLDAPUserAttributes", "RequestTrialLicense"}
