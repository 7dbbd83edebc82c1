"""What a plugin's process tells is told on as it is, or not at all."""

from __future__ import annotations

import pytest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from servehttp.metrics.foreign import BadMetrics, read_metrics
from servehttp.metrics.gathering import merged

GOOD = b"""\
# HELP polls_total Polls that were begun.
# TYPE polls_total counter
polls_total{team="a"} 3.0
polls_total{team="b",plugin_id="me"} 4.0
# TYPE waiting gauge
waiting 2.0
"""
LABELS = {"plugin_id": "p", "replica": "2"}


def told(families: list[Metric]) -> dict[str, list[dict[str, str]]]:
    return {family.name: [dict(sample.labels) for sample in family.samples] for family in families}


def test_series_are_labelled_and_a_label_of_ours_is_the_plugins_under_another_name() -> None:
    assert told(list(read_metrics(GOOD, LABELS, 10))) == {
        "polls": [{"team": "a", **LABELS}, {"team": "b", "exported_plugin_id": "me", **LABELS}],
        "waiting": [LABELS],
    }


@pytest.mark.parametrize(
    "text",
    [
        b"nonsense { here",
        b"\xff\xfe",
        b"a 1\nb not-a-number\n",
        b'a{x="1"} 1\na{x="1"} 2\n',
        b"# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na 2\n",
        b"# TYPE h histogram\nh_count 1\n# TYPE h_count gauge\nh_count 2\n",
        GOOD * 3,
        b'a{"plugin.id"="another"} 1\n',
        b'{"servehttp.connections"} 1\n',
    ],
)
def test_what_cannot_be_told_on_makes_all_of_it_unusable(text: bytes) -> None:
    with pytest.raises(BadMetrics):
        read_metrics(text, LABELS, 10)


def test_there_may_be_so_many_series_and_no_more() -> None:
    text = b"".join(b'a{n="%d"} 1\n' % number for number in range(10))
    assert len(read_metrics(text, LABELS, 10)[0].samples) == 10
    with pytest.raises(BadMetrics, match="more than 9 series"):
        read_metrics(text, LABELS, 9)


def test_metrics_of_one_name_are_one_family_and_the_gateways_are_its_own() -> None:
    own = [GaugeMetricFamily("servehttp_plugin_memory_bytes", "", 1)]
    of_process = [GaugeMetricFamily("process_open_fds", "", 7)]
    first = b"# TYPE waiting gauge\nwaiting 1\n# TYPE process_open_fds gauge\nprocess_open_fds 9\n"
    second = b"# TYPE waiting gauge\nwaiting 2\nservehttp_plugin_memory_bytes 1\n"
    third = b"# TYPE waiting_total counter\nwaiting_total 3\n# TYPE of_it gauge\nof_it 1\n"
    texts = {"a": first, "b": second, "c": third}
    found = merged(own, of_process, [read_metrics(text, {"plugin_id": id}, 10) for id, text in texts.items()])
    assert told(found) == {
        "servehttp_plugin_memory_bytes": [{}],
        "process_open_fds": [{}, {"plugin_id": "a"}],
        "waiting": [{"plugin_id": "a"}, {"plugin_id": "b"}],
        "of_it": [{"plugin_id": "c"}],
    }
