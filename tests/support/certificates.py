"""Certificates for tests, made by the tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from mattermost_plugin.tls import TLSFiles

HOST = "127.0.0.1"


class Certificates:
    """A CA, certificates of it, and another CA that nobody knows.

    Args:
        folder: where files are written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = trustme.CA()
        self._other = trustme.CA()
        self.ca = self._write_ca(self._ca, "ca")
        self.ca_bytes = self._ca.cert_pem.bytes()
        self.other_ca = self._write_ca(self._other, "other-ca")

    def server(self, name: str = HOST, *, client_ca: str = "") -> TLSFiles:
        """A plugin's files."""
        return self._issued(self._ca, name, client_ca)

    def expired(self) -> TLSFiles:
        """Those of a plugin that nobody looks after."""
        return self._issued(self._ca, HOST, "", datetime.now(UTC) - timedelta(days=1))

    def client(self) -> TLSFiles:
        """A gateway's files."""
        return self._issued(self._ca, "gateway.example", self.ca)

    def stranger(self) -> TLSFiles:
        """Those of somebody with a certificate of another CA."""
        return self._issued(self._other, "gateway.example", self.ca)

    def _issued(self, by: trustme.CA, name: str, ca: str, not_after: datetime | None = None) -> TLSFiles:
        issued = by.issue_cert(name, not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=not_after)
        cert, key = (self.folder / f"{name}-{kind}-{id(issued)}.pem" for kind in ("cert", "key"))
        for number, blob in enumerate(issued.cert_chain_pems):
            blob.write_to_path(str(cert), append=number > 0)
        issued.private_key_pem.write_to_path(str(key))
        return TLSFiles(str(cert), str(key), ca)

    def _write_ca(self, ca: trustme.CA, name: str) -> str:
        path = str(self.folder / f"{name}.pem")
        ca.cert_pem.write_to_path(path)
        return path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Those of this run."""
    return Certificates(tmp_path_factory.mktemp("certificates"))
