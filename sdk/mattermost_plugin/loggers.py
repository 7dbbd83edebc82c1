"""The SDK's own loggers: what they say is for who runs the plugin, however the plugin configures logging."""

from __future__ import annotations

import logging


class OwnLogger(logging.Logger):
    """Stays on where a configuration switches off all loggers that it does not name.

    `logging.config.fileConfig` and `dictConfig` do so unless they are told otherwise, and Alembic calls the first.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name != "disabled":
            super().__setattr__(name, value)


def get_logger(name: str) -> logging.Logger:
    """The logger of that name, the same as `logging.getLogger` gives, as an `OwnLogger`."""
    logger = logging.getLogger(name)
    if type(logger) is logging.Logger:
        logger.disabled = False
        logger.__class__ = OwnLogger
    return logger
