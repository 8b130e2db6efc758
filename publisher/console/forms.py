"""Reads the forms of the console, within the limits that the API has for bodies."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser

from publisher.facade.call import Call
from publisher.facade.request_body import UnsupportedType, Upload
from schemas.errors import Invalid

_FIELDS_AT_MOST = 60
_FILES_AT_MOST = 8
"""More than a form of the console takes: a field with too many is refused by its name."""
FIELD_BYTES_AT_MOST = 100_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SentFile:
    """A file that the visitor chose."""

    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """The fields of a form, without those that are empty."""

    texts: dict[str, str]
    files: dict[str, list[SentFile]]

    def text(self, name: str) -> str:
        """Return a field without blanks at its ends; an empty text if it was not filled in."""
        return self.texts.get(name, "")


def number_of(form: Form, name: str) -> int | None:
    """Return a hidden field; None if it is missing or no whole number."""
    text = form.text(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def amount_of(form: Form, name: str) -> Decimal | None:
    """Return the price that a page showed and the visitor agreed to; None if it is missing or no amount."""
    try:
        usd = Decimal(form.text(name))
    except InvalidOperation:
        return None
    return usd if usd.is_finite() and usd >= 0 else None


async def read_form(call: Call) -> Form:
    """Return the form. Raises what `open_form` raises."""
    async with open_form(call) as form:
        return form


@asynccontextmanager
async def open_form(call: Call) -> AsyncIterator[Form]:
    """Read the form, and keep the room for its upload until the context ends: an image takes several times its size.

    Raises `Invalid`, `UnsupportedType`, `TooSlow`, `TooLarge` and `Overloaded`.
    """
    with Upload(call.state["uploads"]) as upload:
        yield await _parse(call, await upload.read(call))


async def _parse(call: Call, body: bytes) -> Form:
    kind = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        if len(body) > FIELD_BYTES_AT_MOST:
            raise Invalid(f"the form must have at most {FIELD_BYTES_AT_MOST:,} bytes, not {len(body):,}")
        return await _to_form(await FormParser(call.headers, _stream(body)).parse())
    if kind != "multipart/form-data":
        raise UnsupportedType("Send the form of a page of this console")
    parser = MultiPartParser(
        call.headers,
        _stream(body),
        max_files=_FILES_AT_MOST,
        max_fields=_FIELDS_AT_MOST,
        max_part_size=FIELD_BYTES_AT_MOST,
    )
    try:
        return await _to_form(await parser.parse())
    except (MultiPartException, KeyError, UnicodeDecodeError, LookupError) as error:
        raise Invalid(f"the form can't be read: {error}") from error


async def _stream(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


async def _to_form(data: FormData) -> Form:
    texts, files = dict[str, str](), dict[str, list[SentFile]]()
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            await value.close()
            if content:
                files.setdefault(name, []).append(SentFile(media_type=value.content_type or "", content=content))
        elif text := value.replace("\r\n", "\n").strip():
            texts[name] = text
    return Form(texts=texts, files=files)
