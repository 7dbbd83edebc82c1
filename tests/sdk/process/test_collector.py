"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from mattermost_plugin.process.collector import YOUNG_OBJECTS, tune_gc


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_it_looks_less_often_and_not_at_what_is_there_already() -> None:
    gc.set_threshold(700, 10, 10)
    tune_gc()
    assert gc.get_threshold() == (YOUNG_OBJECTS, 10, 10)
    assert gc.get_freeze_count() > 0


@pytest.mark.parametrize("young", [0, YOUNG_OBJECTS + 1])
def test_a_collector_that_is_off_or_looks_less_often_yet_stays_so(young: int) -> None:
    gc.set_threshold(young, 10, 10)
    tune_gc()
    assert gc.get_threshold()[0] == young
