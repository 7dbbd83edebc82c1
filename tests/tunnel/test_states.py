"""The tables of docs/protocol.md §3.4: every (half, state, part) pair, and that document and code agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mattermost_plugin.exchange import Accept, Body, Close, End, Informational, Message, Part, Request, Response
from mattermost_plugin.tunnel.connection import Connection
from mattermost_plugin.tunnel.errors import LocalProtocolError
from mattermost_plugin.tunnel.states import EFFECTS, TABLES, Half, State, opening_states
from support.tunnels import POST, WEBSOCKET, CorePair

PROTOCOL = Path(__file__).parents[2] / "docs" / "protocol.md"

VIOLATION = "\N{EN DASH}"

PARTS: dict[str, Part] = {
    "informational": Informational(103),
    "response": Response(200),
    "accept": Accept(),
    "body": Body(b"x"),
    "end": End(),
    "message": Message(b"x"),
    "close": Close(),
}
"""What the columns of the document's tables stand for, but for `request` and `reset`."""

GATEWAY_COLUMNS = ["request", "body", "end", "message", "close", "reset"]
PLUGIN_COLUMNS = ["informational", "response", "accept", "body", "end", "message", "close", "reset"]


def documented(half: Half) -> dict[str, dict[str, str]]:
    """The table of one half as the document prints it: state → part → cell."""
    text = PROTOCOL.read_text().partition(f"\n{half.value.capitalize()}'s half:\n\n")[2].partition("\n\n")[0]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert header[0] == "state"
    return {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}


def test_the_document_has_a_row_for_every_state_that_a_half_can_be_in() -> None:
    for half in Half:
        in_code = {*TABLES[half], *(after for row in TABLES[half].values() for after in row.values())}
        assert {row.lower() for row in documented(half)} == {state.value for state in in_code}


def test_the_document_has_a_column_for_every_part() -> None:
    assert all(list(row) == GATEWAY_COLUMNS for row in documented(Half.GATEWAY).values())
    assert all(list(row) == PLUGIN_COLUMNS for row in documented(Half.PLUGIN).values())


@pytest.mark.parametrize("half", Half)
@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("column", PARTS)
def test_every_pair_is_what_the_document_says(half: Half, state: State, column: str) -> None:
    cell = documented(half).get(state.name, {}).get(column, VIOLATION)
    after = TABLES[half].get(state, {}).get(type(PARTS[column]))
    assert (after.name if after else VIOLATION) == cell


def test_no_table_knows_of_requests_and_resets() -> None:
    kinds = {kind for table in TABLES.values() for row in table.values() for kind in row}
    assert kinds <= {type(part) for part in PARTS.values()}
    for half in Half:
        for name, row in documented(half).items():
            assert row["reset"] == (VIOLATION if name == "IDLE" else "gone")


def test_a_request_opens_as_the_document_says() -> None:
    cell = documented(Half.GATEWAY)["IDLE"]["request"]
    assert re.fullmatch(r"→ BODY; WebSocket → HANDSHAKE", cell)
    assert opening_states(POST) == (State.BODY, State.HEAD)
    assert opening_states(WEBSOCKET) == (State.HANDSHAKE, State.HANDSHAKE)
    assert all(row["request"] == VIOLATION for name, row in documented(Half.GATEWAY).items() if name != "IDLE")


def test_what_the_plugin_sends_moves_only_a_gateway_that_waits_for_it() -> None:
    assert {State.HANDSHAKE: {Accept: State.MESSAGES, Response: State.REFUSED}} == EFFECTS


# The same product through the core: how to bring an exchange into each state, by (who sends, what).
WAYS: dict[tuple[Half, State], tuple[Request, list[tuple[Half, Part]]]] = {
    (Half.GATEWAY, State.BODY): (POST, []),
    (Half.GATEWAY, State.HANDSHAKE): (WEBSOCKET, []),
    (Half.GATEWAY, State.MESSAGES): (WEBSOCKET, [(Half.PLUGIN, Accept())]),
    (Half.GATEWAY, State.REFUSED): (WEBSOCKET, [(Half.PLUGIN, Response(403))]),
    (Half.GATEWAY, State.DONE): (POST, [(Half.GATEWAY, End())]),
    (Half.PLUGIN, State.HEAD): (POST, []),
    (Half.PLUGIN, State.HANDSHAKE): (WEBSOCKET, []),
    (Half.PLUGIN, State.BODY): (POST, [(Half.PLUGIN, Response(200))]),
    (Half.PLUGIN, State.MESSAGES): (WEBSOCKET, [(Half.PLUGIN, Accept())]),
    (Half.PLUGIN, State.DONE): (POST, [(Half.PLUGIN, Response(200)), (Half.PLUGIN, End())]),
}


def brought_to(half: Half, state: State) -> tuple[CorePair, int]:
    pair = CorePair()
    request, way = WAYS[half, state]
    id = pair.gateway.open(request)
    pair.to_plugin()
    for sender, part in way:
        pair.cores[sender].send(id, [part])
        pair.move(sender)
    return pair, id


@pytest.mark.parametrize(("half", "state"), WAYS)
@pytest.mark.parametrize("column", PARTS)
def test_the_core_takes_from_its_own_side_what_the_tables_allow(half: Half, state: State, column: str) -> None:
    pair, id = brought_to(half, state)
    core: Connection = pair.cores[half]
    if type(PARTS[column]) in TABLES[half][state]:
        core.send(id, [PARTS[column]])
        assert [type(event) for _, event in pair.move(half)] == [type(PARTS[column])]
    else:
        with pytest.raises(LocalProtocolError, match=f"{type(PARTS[column]).__name__} from the {half.value}"):
            core.send(id, [PARTS[column]])
        assert not core.has_output
        assert core.is_open(id)
