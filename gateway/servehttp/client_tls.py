"""TLS between clients and the gateway, by files that can be read again while it serves."""

from __future__ import annotations

from typing import Final, Self

from mattermost_plugin.tls import TLSError, TLSFiles, server_context
from servehttp.errors import SettingsError
from servehttp.settings.server import ServerSettings

HTTP: Final = "http/1.1"


def check_tls(settings: ServerSettings) -> None:
    """See whether clients can be served by what the settings say.

    Raises:
        SettingsError: a file for TLS cannot be used.
    """
    try:
        ClientTLS.of(settings)
    except TLSError as error:
        raise SettingsError("", f"server.ssl_certfile, ssl_keyfile and ssl_ca_certs: {error}") from None


class ClientTLS:
    """The gateway's end.

    Args:
        files: its certificate with its key, and the CAs of its clients if they have to show a certificate.

    Attributes:
        context: what handshakes that begin from now on go by. Nothing that was agreed on by the one before is taken up
            again, so that no client comes in whose CA is gone.

    Raises:
        TLSError: a file cannot be used.
    """

    def __init__(self, files: TLSFiles) -> None:
        self._files = files
        self.context = server_context(files, HTTP)

    @classmethod
    def of(cls, settings: ServerSettings) -> Self | None:
        """What the settings ask for, if they do.

        Raises:
            TLSError: a file cannot be used.
        """
        if settings.ssl_certfile is None:
            return None
        key, ca = settings.ssl_keyfile or settings.ssl_certfile, settings.ssl_ca_certs
        return cls(TLSFiles(str(settings.ssl_certfile), str(key), str(ca) if ca is not None else ""))

    def load(self) -> None:
        """Read the files again; connections that are open stay as they are.

        Raises:
            TLSError: a file cannot be used, and those that were loaded before stay.
        """
        self.context = server_context(self._files, HTTP)
