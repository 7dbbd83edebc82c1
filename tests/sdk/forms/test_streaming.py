"""Forms that are read while they come in."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from mattermost_plugin.forms import FormError, FormLimits, FormTooLarge, MalformedForm, stream_form
from support.forms import BOUNDARY, MULTIPART, URLENCODED, Field, FormRequest, cut, multipart

KIB = 1024
GIB = 1024**3

names = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters='"\\%'), max_size=20)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
fields = st.tuples(names, st.none() | names, st.binary(max_size=300))


async def read(request: Request, limits: FormLimits | None = None) -> list[Field]:
    return [(part.name, part.filename, await part.read()) async for part in stream_form(request, limits)]


@given(form=st.lists(fields, max_size=5), places=st.lists(st.integers(0, 5000), max_size=8))
@example(form=[("file", "a.bin", b"\r\n--a-boundar")], places=[])
async def test_a_multipart_form_is_the_same_however_it_is_cut(form: list[Field], places: list[int]) -> None:
    request = FormRequest(MULTIPART, cut(multipart(form), places))
    assert await read(request) == form


@given(
    form=st.lists(st.tuples(texts, texts), max_size=6),
    places=st.lists(st.integers(0, 500), max_size=8),
)
async def test_an_urlencoded_form_is_the_same_however_it_is_cut(form: list[tuple[str, str]], places: list[int]) -> None:
    expected = [(name, None, value.encode()) for name, value in form]
    assert await read(FormRequest(URLENCODED, cut(urlencode(form).encode(), places))) == expected


@given(body=st.text(alphabet="ab=&%+2f\xc3\xa9", max_size=40), places=st.lists(st.integers(0, 60), max_size=6))
@example(body="a&=&&a=%2&%+2=b+", places=[])
@example(body="a=%+&b=%", places=[])
async def test_an_odd_urlencoded_form_is_what_the_standard_library_reads(body: str, places: list[int]) -> None:
    pairs = parse_qsl(body, keep_blank_values=True, encoding="latin-1")
    expected = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
    try:
        found = await read(FormRequest(URLENCODED, cut(body.encode("latin-1"), places)))
    except MalformedForm:
        assert not all(is_text(name) for name, _ in expected)
    else:
        assert [(name.encode(), value) for name, _, value in found] == expected


def is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


LIMITS = FormLimits(parts=3, name_size=10, headers=2, header_size=200, field_size=20, file_size=40, size=2000)
TOO_LARGE = [
    (MULTIPART, multipart([("a", None, b"")] * 4), "segment count"),
    (URLENCODED, b"a=1&b=2&c=3&d=4", "3 parts"),
    (URLENCODED, b"&&&&", "3 parts"),
    (URLENCODED, b"a" * 11, "10 bytes"),
    (MULTIPART, multipart([("a" * 200, None, b"")]), "header length"),
    (MULTIPART, f"--{BOUNDARY}\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n".encode(), "header count"),
    (MULTIPART, multipart([("a", None, b"x" * 21)]), "'a' has more than 20 bytes"),
    (URLENCODED, b"a=" + b"x" * 21, "'a' has more than 20 bytes"),
    (MULTIPART, multipart([("a", "f", b"x" * 41)]), "'a' has more than 40 bytes"),
    (URLENCODED, b"a=" + b"x" * 2000, "more than"),
    (MULTIPART, b"preamble" * 300, "2000 bytes"),
]


@pytest.mark.parametrize(("kind", "body", "said"), TOO_LARGE)
async def test_what_is_too_large_is_413(kind: str, body: bytes, said: str) -> None:
    with pytest.raises(FormTooLarge, match=said) as caught:
        await read(FormRequest(kind, [body]), LIMITS)
    assert caught.value.status_code == 413


MALFORMED = [
    ("application/json", b"{}", "a form is"),
    ("", b"", "a form is"),
    ("multipart/form-data", b"", "boundary"),
    (MULTIPART, b"", "cannot be read"),
    (MULTIPART, multipart([("a", None, b"1")])[:-6], "cannot be read"),
    (MULTIPART, f"--{BOUNDARY}\r\nContent-Disposition: form-data\r\n\r\nx".encode(), "cannot be read"),
    (URLENCODED, b"%ff=1", "not UTF-8"),
]


@pytest.mark.parametrize(("kind", "body", "said"), MALFORMED)
async def test_what_is_no_form_is_400(kind: str, body: bytes, said: str) -> None:
    with pytest.raises(MalformedForm, match=said) as caught:
        await read(FormRequest(kind, [body] if body else []))
    assert caught.value.status_code == 400


async def test_text_that_is_none_is_400() -> None:
    async for part in stream_form(FormRequest(URLENCODED, [b"a=%ff"])):
        with pytest.raises(MalformedForm, match="'a' is not UTF-8"):
            await part.text()


async def test_what_is_not_read_of_a_part_is_passed_over() -> None:
    form = multipart([("a", "a", b"x" * 10), ("b", None, b"two"), ("c", "c", b"y" * 10)])
    seen = []
    async for part in stream_form(FormRequest(MULTIPART, cut(form, range(0, len(form), 7)))):
        async for piece in part:
            seen.append((part.name, piece[:1]))
            break
    assert seen == [("a", b"x"), ("b", b"t"), ("c", b"y")]


async def test_nothing_is_asked_for_that_nobody_reads() -> None:
    request = FormRequest(MULTIPART, [multipart([("a", "a", b"x" * KIB)])[:200], *repeat(b"x" * KIB, 1000)])
    parts = stream_form(request)
    part = await anext(parts)
    assert request.given == 1
    pieces = aiter(part)
    await anext(pieces)
    await anext(pieces)
    assert request.given == 2
    await parts.aclose()


async def test_a_gibibyte_takes_no_more_memory_than_its_pieces() -> None:
    end = f"\r\n--{BOUNDARY}--\r\n".encode()
    head, piece = multipart([("file", "f", b"")]).removesuffix(end), bytes(256 * KIB)
    count = GIB // len(piece)

    def body() -> Iterator[bytes]:
        yield head
        yield from repeat(piece, count)
        yield end

    size = 0
    tracemalloc.start()
    try:
        async for part in stream_form(FormRequest(MULTIPART, body())):
            async for data in part:
                size += len(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size >= GIB
    assert peak < 16 * len(piece)


def files(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


class TestSaving:
    """`FormPart.save`."""

    async def test_a_file_is_there_once_it_is_whole(self, tmp_path: Path) -> None:
        data = bytes(range(256)) * 4 * KIB
        form = multipart([("file", "../../odd name", data)])
        async for part in stream_form(FormRequest(MULTIPART, cut(form, range(0, len(form), 100_000)))):
            assert await part.save(tmp_path / "upload") == len(data)
        assert (tmp_path / "upload").read_bytes() == data
        assert files(tmp_path) == ["upload"]

    async def test_one_that_is_cut_short_leaves_what_was_there(self, tmp_path: Path) -> None:
        (tmp_path / "upload").write_text("before")
        form = multipart([("file", "f", b"x" * KIB)])[:-100]
        with pytest.raises(MalformedForm):
            async for part in stream_form(FormRequest(MULTIPART, [form])):
                await part.save(tmp_path / "upload")
        assert (files(tmp_path), (tmp_path / "upload").read_text()) == (["upload"], "before")

    async def test_one_that_is_too_large_leaves_nothing(self, tmp_path: Path) -> None:
        with pytest.raises(FormTooLarge):
            async for part in stream_form(FormRequest(MULTIPART, [multipart([("f", "f", b"x" * 41)])]), LIMITS):
                await part.save(tmp_path / "upload")
        assert files(tmp_path) == []


async def summary(request: Request) -> JSONResponse:
    return JSONResponse({part.name: (await part.text()) async for part in stream_form(request, LIMITS)})


def test_starlette_answers_with_the_error_by_itself() -> None:
    client = TestClient(Starlette(routes=[Route("/", summary, methods=["POST"])]))
    assert client.post("/", files={"a": ("f", b"one")}, data={"b": "two"}).json() == {"a": "one", "b": "two"}
    too_large = client.post("/", data={"a": "x" * 21})
    assert (too_large.status_code, too_large.text) == (413, "'a' has more than 20 bytes")
    assert client.post("/", json={}).status_code == 400


def test_errors_are_one_kind() -> None:
    assert issubclass(FormTooLarge, FormError)
    assert issubclass(MalformedForm, FormError)
