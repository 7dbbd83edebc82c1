"""Command lines of the programs."""

from __future__ import annotations

import bench
import beside_others
import load
import pytest


def test_the_environment_stands_in_for_options(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ROUNDS": "7", "DURATION": "2", "ONLY": "rps, cpu"}.items():
        monkeypatch.setenv(name, value)

    arguments = beside_others.parse([])
    assert (arguments.rounds, arguments.duration, arguments.only) == (7, 2, ["rps", "cpu"])
    assert beside_others.parse(["--rounds", "1"]).rounds == 1


def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENARIO", "")
    monkeypatch.setenv("USERS", "")

    arguments = load.parse([])
    assert "json" in arguments.scenario
    assert arguments.users == load.USERS


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--rounds", "0"], "0 is less than 1"),
        (["--duration", "soon"], "invalid"),
        (["--only", "rps,speed"], "there is no 'speed'"),
        (["--only", ","], "none is named"),
        (["--fast"], "unrecognized"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_reason(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        beside_others.parse(words)

    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(("compiled", "end"), [(True, ".json"), (False, "-pure.json")])
def test_neither_a_part_nor_the_pure_build_takes_the_place_of_whole_results_of_the_compiled_one(
    monkeypatch: pytest.MonkeyPatch, compiled: bool, end: str
) -> None:
    monkeypatch.setattr("harness.results.is_compiled", lambda: compiled)
    assert beside_others.parse([]).out.name == f"bench{end}"
    assert beside_others.parse(["--only", "rps"]).out.name == f"bench-part{end}"
    assert load.parse([]).out.name == f"load{end}"
    assert load.parse(["--scenario", "json"]).out.name == f"load-part{end}"
    assert beside_others.parse(["--only", "rps", "--out", "mine.json"]).out.name == "mine.json"


def test_without_a_name_the_gateway_is_put_beside_others() -> None:
    assert bench.command([]) == bench.command(["gateway"])
    assert bench.command(["--only", "rps"]) == [*bench.BENCHMARKS["gateway"], "--only", "rps"]
    assert bench.command(["parts", "-k", "encode"]) == [*bench.PARTS, "-k", "encode"]


def test_a_benchmark_that_is_not_there_is_wrong_usage(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["bench.py", "speed"])
    with pytest.raises(SystemExit) as ended:
        bench.main()

    assert ended.value.code == 2
    assert "there is no benchmark speed: there are gateway, open" in capsys.readouterr().err


@pytest.mark.parametrize("what", bench.BENCHMARKS)
def test_each_benchmark_is_a_module_or_a_program_that_is_there(what: str) -> None:
    first, *_ = bench.command([what])
    assert first == "-m" or (bench.ROOT / first).is_file()
