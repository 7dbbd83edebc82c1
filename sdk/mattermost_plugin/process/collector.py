"""The garbage collector, set for a process that serves: fewer looks at objects that are in use."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""How many more objects are made than freed before the collector looks: a burst of requests is fewer."""


def tune_gc() -> None:
    """Call once, when the process has started up.

    What there is by now stays and is not looked at again. A collector that was switched off stays so, and a higher
    threshold stays too.
    """
    gc.freeze()
    young, *older = gc.get_threshold()
    if young:
        gc.set_threshold(max(young, YOUNG_OBJECTS), *older)
