"""The metrics that one plugin's process tells: text that anybody may have written, as families that can be told on.

What cannot be told on as it is makes all of it unusable: half of a plugin's metrics would be wrong without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

UNTYPED = "unknown"
PLAIN = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
"""Names that are told as they are: in others characters are replaced, and then they may be names of ours."""
EXPORTED = "exported_"
"""Before a label of the plugin's that has the name of one of ours, as Prometheus itself has it."""


class BadMetrics(Exception):
    """They cannot be told on; the text says why."""


class Gathered(Collector):
    """Families that are at hand."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        return self._families


def read_metrics(text: bytes, labels: Mapping[str, str], most_series: int) -> Sequence[Metric]:
    """The families of a text.

    Args:
        text: in Prometheus' format 0.0.4.
        labels: what each series is labelled with as well.
        most_series: how many there may be.

    Raises:
        BadMetrics: they are too many, or not what Prometheus could read.
    """
    found: dict[str, Metric] = {}
    number = 0
    try:
        for family in text_string_to_metric_families(text.decode()):
            number += len(family.samples)
            if number > most_series:
                raise BadMetrics(f"there are more than {most_series} series")
            family.samples = [_labelled(sample, labels) for sample in family.samples]
            _add(family, found)
        _check_names(list(found.values()))
        _check_series(list(found.values()))
        generate_latest(_registry(list(found.values())))  # type: ignore[no-untyped-call]  # as the library has it
    except BadMetrics:
        raise
    except Exception as error:  # whatever a parser makes of what may be anything
        raise BadMetrics(f"they cannot be read: {type(error).__name__}: {error}"[:300]) from None
    return list(found.values())


def _add(family: Metric, found: dict[str, Metric]) -> None:
    first = found.setdefault(family.name, family)
    if first is not family:
        if not first.type == family.type == UNTYPED:  # of which the parser makes a family for each series
            raise BadMetrics(f"{family.name[:100]} comes twice")
        first.samples.extend(family.samples)


def _labelled(sample: Sample, labels: Mapping[str, str]) -> Sample:
    own = {f"{EXPORTED}{name}" if name in labels else name: value for name, value in sample.labels.items()}
    return Sample(sample.name, {**own, **labels}, sample.value)


def _check_names(families: Sequence[Metric]) -> None:
    of: dict[str, str] = {}
    for family in families:
        for sample in family.samples:
            for name in (family.name, sample.name, *sample.labels):
                if not PLAIN.fullmatch(name):
                    raise BadMetrics(f"{name[:100]!r} is no name of letters, digits and underscores")
            if of.setdefault(sample.name, family.name) != family.name:
                raise BadMetrics(f"{sample.name[:100]} is of two metrics")


def _check_series(families: Sequence[Metric]) -> None:
    seen = set()
    for family in families:
        for sample in family.samples:
            series = (sample.name, frozenset(sample.labels.items()))
            if series in seen:
                raise BadMetrics(f"a series of {sample.name[:100]} comes twice")
            seen.add(series)


def _registry(families: Sequence[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Gathered(families))
    return registry
