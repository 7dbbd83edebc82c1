"""Manifests in YAML: a module of its own, because its library takes long to import and most manifests are JSON."""

from __future__ import annotations

from typing import Any

import yaml


class YamlProblem(ValueError):
    """A text that cannot be read as YAML.

    Attributes:
        line: where, from 1.
        column: where in it, from 1.
        problem: what is wrong.
    """

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.column = column
        self.problem = problem


def read_yaml(text: str) -> Any:
    """What a text says, as plain values.

    Raises:
        YamlProblem: it is no YAML, or has aliases.
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise YamlProblem(line, column, error.problem or "cannot be parsed") from error
    except yaml.YAMLError as error:
        raise YamlProblem(1, 1, " ".join(str(error).split())) from error


class _Loader(yaml.SafeLoader):
    """Takes no aliases: by them a few lines stand for more than fits into memory."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # typeshed lacks it
            raise yaml.composer.ComposerError(None, None, "an alias; write out what it stands for", mark)
        return super().compose_node(parent, index)
