"""The page `/docs` shows every call, message and field, fetches nothing, and runs no script."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from publisher.facade import asyncapi, openapi
from publisher.facade.schema_fields import Type, notes_of, types_of
from tests.facade.customers import KEYS
from tests.facade.doors import Door, door_to, settings_for


class Page(HTMLParser):
    """The ids, links, tags and texts of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids, self.links, self.tags, self.attributes = list[str](), list[str](), set[str](), set[str]()
        self.text = ""
        self.style = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "style" and not self.style:
            self.style = data
        self.text += data


async def test_it_shows_every_call_and_message(door: Door) -> None:
    answer = await door.client.get("/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    page, http, messages = Page(answer.text), openapi.document(), asyncapi.document()
    named = {call["operationId"] for methods in http["paths"].values() for call in methods.values()}
    assert {*named, *messages["channels"]} < {*page.ids}
    assert len(page.ids) == len({*page.ids})
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= {*page.ids}
    for message in messages["components"]["messages"].values():
        assert message["summary"].replace("`", "") in page.text
    for schema in [*http["components"]["schemas"].values(), *messages["components"]["schemas"].values()]:
        for name, field in schema.get("properties", {}).items():
            assert name in page.text
            assert field.get("description", "").replace("`", "") in page.text


async def test_it_fetches_nothing_and_runs_nothing(door: Door) -> None:
    answer = await door.client.get("/docs")
    page, policy = Page(answer.text), answer.headers["content-security-policy"]
    digest = base64.b64encode(hashlib.sha256(page.style.encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}';"), (
        "the page's own style, and nothing else"
    )
    assert not page.tags & {"script", "link", "img", "iframe", "object", "form"}
    assert not {name for name in page.attributes if name.startswith("on")} | (page.attributes & {"src", "style"})
    assert "url(" not in page.style
    assert {link for link in page.links if not link.startswith("#")} == {"/openapi.json", "/asyncapi.json"}


async def test_it_needs_no_key_and_names_the_public_path(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, api_keys=KEYS, public_url="https://video.example.com/reel")
    async with door_to(settings) as door:
        assert (await door.client.get("/asyncapi.json")).status_code == 401
        text = (await door.client.get("/docs")).text
    assert re.search(r'href="/reel/asyncapi\.json"', text)


@pytest.mark.parametrize(
    ("schema", "types", "notes"),
    [
        ({"$ref": "#/components/schemas/A.B"}, [Type(words="B", model="A.B")], []),
        ({"anyOf": [{"type": "integer", "maximum": 3}, {"type": "null"}]}, [Type(words="integer")], ["at most 3"]),
        ({"type": "array", "items": {"type": "string"}}, [Type(words="list of string")], []),
        ({"type": "boolean", "default": False}, [Type(words="boolean")], ["default false"]),
        ({"type": "string", "format": "date-time"}, [Type(words="string, date-time")], []),
        ({"enum": ["a", "b"]}, [Type(words='"a" | "b"')], []),
        ({"const": 0.5}, [Type(words='"0.5"')], []),
        ({"anyOf": [{"required": ["a"]}], "type": "object"}, [Type(words="object")], []),
        ({}, [Type(words="any value")], []),
    ],
)
def test_a_schema_in_words(schema: dict[str, object], types: list[Type], notes: list[str]) -> None:
    assert (types_of(schema), notes_of(schema)) == (types, notes)
