"""Bundles that are odd, or made to do harm: what is installed, and what is refused by the name of its member."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import tarfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servehttp.errors import BundleError
from servehttp.plugins.bundles import BundleLimits, unpack
from support.bundles import bundle_of

LIMITS = BundleLimits(unpacked_size=2_000_000, files=50)
MANIFEST = {"plugin.json": b"{}"}
MEGA = 1024 * 1024


def header(name: str, kind: bytes, size: int = 0) -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def packed(*blocks: bytes) -> bytes:
    return gzip.compress(b"".join(blocks) + bytes(1024))


def pax(*records: tuple[str, str]) -> bytes:
    """A pax header with these records, for the member that follows."""
    body = b""
    for key, value in records:
        record = f" {key}={value}\n".encode("utf-8", "surrogateescape")
        length = len(record) + len(str(len(record) + len(str(len(record)))))
        body += str(length).encode() + record
    return header("pax", tarfile.XHDTYPE, len(body)) + padded(body)


def long_name(size: int, kind: bytes = tarfile.GNUTYPE_LONGNAME) -> bytes:
    return gzip.compress(header("././@LongLink", kind, size) + bytes(size))


def sparse(size: int) -> bytes:
    """A file of nothing but holes, as old GNU tar has it: a header of 512 bytes says how large it is."""
    block = bytearray(header("holes", tarfile.GNUTYPE_SPARSE))
    block[386:410] = b"%011o\0%011o\0" % (size, 0)
    block[483:495] = b"%011o\0" % size
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return packed(bytes(block))


PLAIN = header("fine.txt", tarfile.REGTYPE)

BAD: dict[str, tuple[bytes, str]] = {
    "a sparse file": (sparse(400_000_000), "'holes' is a sparse file"),
    "a sparse file by pax": (
        packed(pax(("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "x")), PLAIN),
        "'fine.txt' is a sparse file",
    ),
    "a sparse map by pax": (packed(pax(("GNU.sparse.map", "0,1"), ("GNU.sparse.size", "9")), PLAIN), "sparse file"),
    "a long name of 300 MB": (long_name(300 * MEGA), "'././@LongLink' is an extension header of 314572800 bytes"),
    "a long link of 300 MB": (long_name(300 * MEGA, tarfile.GNUTYPE_LONGLINK), "extension header of 314572800 bytes"),
    "pax records of 300 MB": (long_name(300 * MEGA, tarfile.XHDTYPE), "extension header of 314572800 bytes"),
    "pax records for all of 300 MB": (long_name(300 * MEGA, tarfile.XGLTYPE), "extension header of 314572800 bytes"),
    "a negative extension": (packed(header("n", tarfile.GNUTYPE_LONGNAME, -1)), "extension header of -1 bytes"),
    "headers without end": (packed(*[header("l", tarfile.GNUTYPE_LONGLINK)] * 2000), "more than 8 extension headers"),
    "a million digits": (
        packed(header("digits", tarfile.XHDTYPE, MEGA), b"1" * MEGA, PLAIN),
        "'digits' has pax records that cannot be read",
    ),
    "pax records that end early": (
        packed(header("p", tarfile.XHDTYPE, 512), padded(b"99 a=b\n"), PLAIN),
        "pax records",
    ),
    "a pax record of no length": (packed(header("p", tarfile.XHDTYPE, 5), padded(b"0 a=b"), PLAIN), "pax records"),
    "a pax record of an odd length": (
        packed(header("p", tarfile.XHDTYPE, 6), padded(b"+6 a=b"), PLAIN),
        "'\\+6' in its",
    ),
    "a negative size": (packed(header("less", tarfile.REGTYPE, -512)), "'less' has a size of -512 bytes"),
    "a negative size by pax": (packed(pax(("size", "-512")), PLAIN), "'-512' in its pax records"),
    "a size beyond the end": (packed(header("more", tarfile.REGTYPE, 10_000)), "cut short"),
    "an end within a file": (bundle_of({"a": os.urandom(5000)})[:-1000], "no .tar.gz"),
    "half a header": (gzip.compress(PLAIN + PLAIN[:100]), "no .tar.gz"),
    "a broken header": (gzip.compress(b"x" * 512), "no .tar.gz"),
    "nothing": (gzip.compress(b""), "no .tar.gz"),
    "a name of 256 bytes": (bundle_of({"n" * 256: b""}), "'n+\\.* is too long a name"),
    "a name of 256 bytes in UTF-8": (bundle_of({"ü" * 128: b""}), "too long a name"),
    "a long path": (bundle_of({"/".join(["p" * 100] * 11): b""}), "too long a name"),
    "a deep path": (bundle_of({"/".join("d" * 65): b""}), "more than 64 folders deep"),
    "a deep folder": (packed(pax(("path", "/".join("d" * 65))), header("d", tarfile.DIRTYPE)), "64 folders deep"),
    "a folder in a file": (bundle_of({"a": b"", "a/b": b""}), "'a/b' has a file where a folder belongs"),
    "a folder in the place of a file": (
        packed(header("a", tarfile.REGTYPE), header("a", tarfile.DIRTYPE)),
        "'a' has a",
    ),
    "a file in the place of a folder": (bundle_of({"a/b": b"", "a": b""}), "'a' is in it twice"),
    "a file twice": (bundle_of({"a": b"", "./a": b""}), "'./a' is in it twice"),
    "twins but for case": (bundle_of({"Plugin.py": b"", "plugin.PY": b""}), "twice but for case, as 'Plugin.py' and"),
    "folders that are twins but for case": (bundle_of({"Lib/a": b"", "lib/b": b""}), "twice but for case"),
    "twins by their accents": (bundle_of({"\u00e9.py": b"", "e\u0301.py": b""}), "twice but for case"),
    "NUL in a name": (packed(pax(("path", "a\0b")), PLAIN), "'a\\\\x00b' leads out of it"),
    "a file without a name": (packed(pax(("path", ".")), PLAIN), "'.' names no file"),
    "an empty name": (packed(pax(("path", "")), PLAIN), "'' names no file"),
    "an absolute path by pax": (packed(pax(("path", "/etc/passwd")), PLAIN), "'/etc/passwd' leads out of it"),
    "a way out by pax": (packed(pax(("path", "a/../../b")), PLAIN), "leads out of it"),
    "control characters in a name": (bundle_of({"/a\x1b[31m\n": b""}), "'/a\\\\x1b\\[31m\\\\n' leads out of it"),
    "a door": (packed(header("door", b"D")), "'door' is a link or a device"),
    "many members": (
        packed(*[header(f"._{number}", tarfile.REGTYPE) for number in range(101)]),
        "more than 100 members",
    ),
    "many folders in one name": (bundle_of({f"{n}/a/b/c/d/e/f/g": b"" for n in range(10)}), "more than 50 files"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_bundle_is_refused_by_the_name_of_its_member(kind: str, tmp_path: Path) -> None:
    bundle, problem = BAD[kind]
    with pytest.raises(BundleError, match=problem) as refused:
        unpack(io.BytesIO(bundle), tmp_path, LIMITS)
    assert len(str(refused.value)) < 500
    assert str(refused.value).isprintable()
    assert written(tmp_path) <= LIMITS.unpacked_size


@pytest.mark.parametrize("kind", [kind for kind in BAD if "300 MB" in kind or "sparse" in kind])
def test_no_header_takes_more_memory_than_it_may(kind: str, tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        with contextlib.suppress(BundleError):
            unpack(io.BytesIO(BAD[kind][0]), tmp_path, BundleLimits(unpacked_size=1024 * MEGA, files=50))
        assert tracemalloc.get_traced_memory()[1] < 4 * MEGA
    finally:
        tracemalloc.stop()


def test_what_a_mac_adds_of_its_own_is_passed_over(tmp_path: Path) -> None:
    files = {
        "._hello": b"attributes",
        "hello/plugin.json": b"{}",
        "hello/._plugin.json": b"attributes",
        "hello/.DS_Store": b"",
        "hello/lib/._x": b"",
        "__MACOSX/hello/._plugin.json": b"",
    }
    assert unpack(io.BytesIO(bundle_of(files)), tmp_path, LIMITS) == tmp_path / "hello"
    assert [path.name for path in tmp_path.rglob("*")] == ["hello", "plugin.json"]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_form_of_archive_installs(form: int, tmp_path: Path) -> None:
    deep = "/".join(["folder" * 6] * 3) + "/" + "n" * 90
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=form, pax_headers={"comment": "a commit"}) as archive:
        for name in ("plugin.json", deep, *(["ü" * 100] if form != tarfile.USTAR_FORMAT else [])):
            member = tarfile.TarInfo(name)
            member.size, member.mode = 700, 0o755
            archive.addfile(member, io.BytesIO(name.encode()[:1] * 700))
    unpack(io.BytesIO(gzip.compress(made.getvalue())), tmp_path, LIMITS)
    assert (tmp_path / deep).read_bytes() == b"f" * 700
    assert os.access(tmp_path / deep, os.X_OK)
    assert form == tarfile.USTAR_FORMAT or (tmp_path / ("ü" * 100)).stat().st_size == 700


NAMES = st.one_of(
    st.text(st.sampled_from("aA./\\\u00e9 \x00._"), max_size=12),
    st.lists(st.sampled_from(["a", "A", ".", "..", "._b", "b", "__MACOSX", "c" * 300]), max_size=5).map("/".join),
)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, b"S"])
MEMBERS = st.tuples(NAMES, KINDS, st.integers(-10, 2000), st.booleans())


def member_of(name: str, kind: bytes, size: int, by_pax: bool) -> Iterator[bytes]:
    if by_pax:
        yield pax(("path", name))
    yield header("in pax" if by_pax else name[:90], kind, size)
    yield padded(b"x" * max(size, 0)) if kind in tarfile.REGULAR_TYPES else b""


@given(st.lists(MEMBERS, max_size=6))
def test_whatever_is_in_a_bundle_it_is_unpacked_below_its_folder_or_refused(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, bytes, int, bool]]
) -> None:
    around = tmp_path_factory.mktemp("around")
    target = around / "target"
    target.mkdir()
    blocks = [block for member in members for block in member_of(*member)]
    with contextlib.suppress(BundleError):
        unpack(io.BytesIO(packed(*blocks)), target, LIMITS)
    assert os.listdir(around) == ["target"]
    assert not any(path.is_symlink() for path in target.rglob("*"))
    assert written(target) <= sum(max(size, 0) for _, _, size, _ in members)


@given(st.binary(max_size=3000), st.integers(0, 1500))
def test_no_bytes_make_anything_but_a_refusal(tmp_path_factory: pytest.TempPathFactory, noise: bytes, at: int) -> None:
    plain = padded(header("plugin.json", tarfile.REGTYPE, 2) + b"{}") + pax(("path", "b")) + PLAIN
    with contextlib.suppress(BundleError):
        unpack(io.BytesIO(gzip.compress(plain[:at] + noise + plain[at:])), tmp_path_factory.mktemp("t"), LIMITS)


def written(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
