"""An installer sees the wheels that a plugin brings, and only those that it can be let have."""

from __future__ import annotations

from pathlib import Path

import pytest

from servehttp.errors import BundleError
from servehttp.plugins.wheels import LARGEST_METADATA, show_wheels, wheels_of
from support.wheels import wheel, wheel_name


def brought(folder: Path, data: bytes) -> Path:
    """A plugin's folder with this wheel."""
    (folder / "wheels").mkdir()
    (folder / "wheels" / wheel_name("one")).write_bytes(data)
    return folder


def test_what_lies_beside_wheels_is_not_shown(tmp_path: Path) -> None:
    folder = brought(tmp_path, wheel("one", needs='two[pil]>=1; python_version < "3"'))
    (folder / "wheels" / "index.html").write_text("<a href='https://example.com/one-2.0-py3-none-any.whl'>one</a>")
    (folder / "wheels" / "a.whl").mkdir()
    show_wheels(wheels_of(folder), tmp_path / "shown")
    assert [file.name for file in (tmp_path / "shown").iterdir()] == [wheel_name("one")]
    assert (tmp_path / "shown" / wheel_name("one")).read_bytes() == wheel(
        "one", needs='two[pil]>=1; python_version < "3"'
    )
    assert wheels_of(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (wheel("one", needs="two @ https://example.com/two.whl"), "needs 'two @ https://example.com/two.whl' from"),
        (wheel("one", needs="-e ."), "cannot be read"),
        (
            wheel("one", needs=f"two\nSummary: {'a' * LARGEST_METADATA}"),
            f"more than {LARGEST_METADATA} bytes of itself",
        ),
        (b"no archive", "cannot be read"),
    ],
)
def test_a_wheel_that_leads_elsewhere_or_is_none_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    with pytest.raises(BundleError, match=told) as raised:
        show_wheels(wheels_of(brought(tmp_path, data)), tmp_path / "shown")
    assert "its wheel one-1.0-py3-none-any.whl" in str(raised.value)
