"""The page `/docs`: both documents for people, in one file of HTML without scripts and without files from elsewhere.

It is the same for every installation of a release and says nothing about this one, so that it needs no key.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from publisher.facade import asyncapi, openapi
from publisher.facade.call import Call
from publisher.facade.middleware import public_path
from publisher.facade.schema_fields import Type, fields_of, model_of, notes_of, types_of

PATH = "/docs"
_POLICY = "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Page:
    html: str
    policy: str


async def docs(call: Call) -> Response:
    """Answer with the page."""
    page = _render(public_path(call.state["settings"]))
    return HTMLResponse(page.html, headers={"Content-Security-Policy": page.policy})


@cache
def _render(base: str) -> _Page:
    templates = Environment(
        loader=PackageLoader("publisher.facade"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(
        fields=fields_of,
        types=types_of,
        notes=notes_of,
        json=lambda value: json.dumps(value, indent=2, ensure_ascii=False),
        model=lambda content: model_in(content).model if content else "",
    )
    html = templates.get_template("docs.html").render(
        base=base, http=openapi.document(), messages=asyncapi.document(), message_of=_message_of
    )
    style = html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return _Page(html=html, policy=_POLICY.format(style=digest))


def model_in(content: Mapping[str, Any]) -> Type:
    """Return the schema of a body, whatever its media type is."""
    schema = next(iter(content.values())).get("schema", {})
    return types_of(schema)[0] if schema else Type(words="")


def _message_of(ref: str) -> Any:
    """Return the message that a channel refers to."""
    return asyncapi.document()["components"]["messages"][model_of(ref)]
