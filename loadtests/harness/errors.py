"""What can go wrong in a measurement."""

from __future__ import annotations


class MeasurementError(Exception):
    """A server or client did not do what it was started for, so there is no figure."""


class NotMeasured(Exception):
    """Something that a measurement needs is missing on this machine; the text says what, and what to do."""
