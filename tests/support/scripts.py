"""What the application of the plugin `scripted` is told to do, and what may become of that for a client."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

FAILURES = ("error", "base", "cancelled", "generator", "exit", "interrupt")
SIZES = (0, 1, 3000, 70_000, 1_500_000)


@dataclass(frozen=True)
class Script:
    """The steps of one application.

    Attributes:
        before: steps before the response.
        response: `start`, pieces and other steps; empty where the response never begins.
        end: the last step: `last`, a failure, or nothing, which is to return.
        after: what follows a response that is complete.
        length: what the response declares, beside what it has: 0, 1 more, 1 less; None where it declares nothing.
        limited: the word of the test's ends it, wherever it is.
    """

    before: tuple[str, ...]
    response: tuple[str, ...]
    end: str
    after: tuple[str, ...] = ()
    length: int | None = None
    limited: bool = False

    @property
    def size(self) -> int:
        """How many bytes it sends in all."""
        steps = (*self.response, self.end)
        return sum(int(step.partition("=")[2]) for step in steps if step.startswith(("piece", "hasty", "last")))

    @property
    def query(self) -> str:
        """The script as the plugin reads it."""
        start = () if not self.starts else ("start=" if self.length is None else f"start={self.declared}",)
        end = (self.end,) if self.end else ()
        limited = ("limited",) if self.limited else ()
        return "&".join((*limited, *self.before, *start, *self.response, *end, *self.after))

    @property
    def declared(self) -> int:
        return max(self.size + (self.length or 0), 0)

    @property
    def starts(self) -> bool:
        """Whether it begins a response."""
        return bool(self.response) or self.end.startswith("last")

    @property
    def completes(self) -> bool:
        """Whether it sends a whole response."""
        return self.end.startswith("last") and self.length in (None, 0)

    @property
    def may_fail(self) -> bool:
        """Whether its connection may be broken off, at the latest behind what looks complete."""
        return self.limited or not self.completes

    @property
    def fills_length(self) -> bool:
        """Whether it sends all that it declares: for its client the response is complete, whatever follows."""
        return self.starts and self.length is not None and self.declared <= self.size

    @property
    def shown_size(self) -> int:
        """How many bytes a client gets at most."""
        return self.size if self.length is None else min(self.size, self.declared)

    @property
    def listens(self) -> bool:
        """Whether it waits for its client's leaving before the response is complete."""
        return "listen" in (*self.before, *self.response) and not self.limited

    @property
    def listens_silently(self) -> bool:
        """Whether it does so while nothing can be sent to a client that only stopped sending, to see if it is there."""
        return self.listens and self.length is not None


PASTIME = st.sampled_from(["read", "read_all", "peek", "gate", "listen"])
PASTIMES = st.lists(PASTIME, max_size=3).map(tuple)
FAILED = st.sampled_from(FAILURES).map("fail={}".format) | st.sampled_from(["cancel", ""])


def sent(name: str) -> st.SearchStrategy[str]:
    """A step that sends so many bytes."""
    return st.sampled_from(SIZES).map(f"{name}={{}}".format)


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """Applications, most of which answer."""
    before, limited = draw(PASTIMES), draw(st.sampled_from([False, False, True]))
    if draw(st.integers(0, 3)) == 3:
        return Script(before, (), draw(FAILED), limited=limited)
    steps = st.lists(st.one_of(PASTIME, sent("piece"), sent("hasty")), max_size=4)
    response = ("piece=0", *draw(steps))
    end = draw(st.one_of(sent("last"), sent("last"), FAILED))
    after = (*draw(PASTIMES), draw(FAILED)) if end.startswith("last") else ()
    length = draw(st.sampled_from([None, None, 0, 0, 1, -1]))
    return Script(before, response, end, tuple(filter(None, after)), length, limited)
