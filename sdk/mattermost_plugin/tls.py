"""TLS between a gateway and its plugins: what both ends make of their files, and what goes wrong, in one line.

HTTP/2 is agreed on by ALPN, TLS is 1.2 or later.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattermost_plugin.loggers import get_logger

ALPN: Final = "h2"

HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds for a peer to agree on TLS."""

IN_CLEAR: Final = frozenset(("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"))
"""What OpenSSL says of a peer that does not speak TLS."""

REFUSALS: Final[Mapping[str, str]] = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a certificate",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it wants something else of TLS, perhaps a certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not know the CA of the certificate that it was shown",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the certificate that it was shown has expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept the certificate that it was shown",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept the certificate that it was shown",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the certificate that it was shown is not for this use",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks another version of TLS",
}
"""What the other end has against this one, by the alert that it sent."""

EXPIRED, NOT_YET, SELF_SIGNED, SELF_SIGNED_CHAIN, NO_ISSUER = 10, 9, 18, 19, 20
OTHER_NAME, OTHER_ADDRESS = 62, 64
"""OpenSSL's numbers for what is wrong with a certificate."""


logger = get_logger("mattermost_plugin.tls")


class TLSError(Exception):
    """Files of which TLS cannot be made; the text says which, and why."""


@dataclass(frozen=True)
class TLSFiles:
    """One end's files, in PEM.

    Attributes:
        cert: its certificate, followed by those between it and its CA; empty for none.
        key: the certificate's key, not encrypted.
        ca: the CAs of whose certificates the other end has to have one. Empty at a server for anybody, at a client for
            those that the system knows.
    """

    cert: str = ""
    key: str = ""
    ca: str = ""


def server_context(files: TLSFiles, protocol: str = ALPN, *, optional: bool = False) -> ssl.SSLContext:
    """What a server speaks TLS by.

    Args:
        files: its own.
        protocol: what is agreed on by ALPN, where the client asks for it.
        optional: whether a client may show no certificate, though there are CAs for those.

    Raises:
        TLSError: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _prepare(context, protocol)
    _load_cert(context, files)
    if files.ca:
        context.verify_mode = ssl.CERT_OPTIONAL if optional else ssl.CERT_REQUIRED
        _load_ca(context, files.ca)
    return context


class RenewedContext:
    """What a server speaks TLS by, read again when a file has changed; connections that are open stay as they are.

    Args:
        files: its own.
        optional: whether a client may show no certificate, though there are CAs for those.

    Raises:
        TLSError: a file cannot be used.
    """

    def __init__(self, files: TLSFiles, *, optional: bool = False) -> None:
        self._files = files
        self._optional = optional
        self._seen = self._look()
        self._context = server_context(files, optional=optional)

    def __call__(self) -> ssl.SSLContext:
        """For a connection that comes now. Files that cannot be used, as while they are replaced, change nothing."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = server_context(self._files, optional=self._optional)
            except TLSError as error:
                logger.warning("files for TLS have changed and cannot be used; those from before are: %s", error)
        return self._context

    def _look(self) -> tuple[object, ...]:
        return tuple(_mark(path) for path in (self._files.cert, self._files.key, self._files.ca) if path)


def client_context(files: TLSFiles) -> ssl.SSLContext:
    """What a client speaks TLS by; the server's name is checked.

    Raises:
        TLSError: a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _prepare(context)
    if files.cert:
        _load_cert(context, files)
    if files.ca:
        _load_ca(context, files.ca)
    else:
        context.load_default_certs()
    return context


def describe(error: BaseException) -> str:
    """Why TLS was not agreed on, said of the other end as "it"."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _wrong_certificate(error)
    if isinstance(error, ssl.SSLError):
        reason = error.reason or ""
        if reason in IN_CLEAR:
            return "it does not speak TLS"
        if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
            return "it shows no certificate"
        return REFUSALS.get(reason) or f"TLS failed: {_words(reason) or error}"
    if isinstance(error, ConnectionAbortedError | TimeoutError):
        return "it did not agree on TLS in time"
    return (
        f"it hung up before TLS was agreed on ({error.strerror or error})" if isinstance(error, OSError) else str(error)
    )


def speaks_http2(connection: ssl.SSLObject | ssl.SSLSocket | None) -> bool:
    """Whether HTTP/2 was agreed on; so it is where there is no TLS."""
    return connection is None or connection.selected_alpn_protocol() == ALPN


def _prepare(context: ssl.SSLContext, protocol: str = ALPN) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols([protocol])


def _load_cert(context: ssl.SSLContext, files: TLSFiles) -> None:
    for path in (files.cert, files.key):
        _read(path)
    try:
        context.load_cert_chain(files.cert, files.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        reason = _words(getattr(error, "reason", None) or str(error))
        raise TLSError(f"{files.cert} and {files.key} are no certificate with its key: {reason}") from None


def _load_ca(context: ssl.SSLContext, path: str) -> None:
    _read(path)
    try:
        context.load_verify_locations(path)
    except (ssl.SSLError, ValueError) as error:
        reason = _words(getattr(error, "reason", None) or str(error))
        raise TLSError(f"{path} holds no certificates of CAs: {reason}") from None


def _read(path: str) -> None:
    """OpenSSL does not say which file it could not read."""
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise TLSError(f"{path} cannot be read: {error.strerror or error}") from None


def _mark(path: str) -> tuple[int, int, int] | None:
    """By which a file is known that is another one, or has other content."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _no_password() -> str:
    """Without it, OpenSSL asks at the terminal."""
    raise ValueError("the key is encrypted")


def _wrong_certificate(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == EXPIRED:
        return "its certificate has expired"
    if error.verify_code == NOT_YET:
        return "its certificate is not valid yet"
    if error.verify_code in (SELF_SIGNED, SELF_SIGNED_CHAIN, NO_ISSUER):
        return f"its certificate is of a CA that is not known here ({error.verify_message})"
    if error.verify_code in (OTHER_NAME, OTHER_ADDRESS):
        return f"its certificate is for another name ({error.verify_message.rstrip('.')})"
    return f"its certificate is not accepted: {error.verify_message}"


def _words(reason: str) -> str:
    """OpenSSL's name for something, as words."""
    return reason.replace("_", " ").lower() if reason.isupper() else reason
