"""The signals that ask a process to stop in order."""

from __future__ import annotations

import signal
import sys


def stop_signals() -> list[signal.Signals]:
    """SIGTERM, SIGINT, and SIGHUP, by which a lost terminal tells; not where it is ignored, as `nohup` has it."""
    signals = [signal.SIGTERM, signal.SIGINT]
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signals.append(signal.SIGHUP)
    return signals
