"""Whether this process traces: it does where the settings say so, and imports nothing for it where they do not."""

from __future__ import annotations

from servehttp.errors import GatewayError
from servehttp.settings.server import TracingSettings

SERVICE = "servehttp"
"""What the gateway is called in traces, unless OTEL_SERVICE_NAME says it."""


def begin_tracing(settings: TracingSettings) -> None:
    """Trace from now on, if that is wanted; to be called before anything is made that would be traced.

    Raises:
        GatewayError: the library for it is not installed.
    """
    if not settings.enabled:
        return
    try:
        from mattermost_plugin.opentelemetry import begin  # here, because its library is optional
    except ImportError as error:
        raise GatewayError(f"tracing.enabled needs OpenTelemetry ({error}): pip install 'servehttp[otel]'") from None
    begin(SERVICE)
