"""The marker: a small file that is put under an attempt's prefix before its one paid request leaves.

The video store creates it only if it is absent, and outlives the job record. So the marker answers two questions:

- Was this attempt begun by a life that the record does not know, before a restored backup or in another deployment?
- Did the owner of a claim that nobody settled reach its send? A worker that takes over puts the marker itself. If that
  succeeds, the owner has sent nothing, and never will: it sends only after it has put the marker.

Free clips have no marker, since sending them twice costs nothing.
"""

import asyncio
import uuid

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.domain.object_names import marker_name
from schemas.errors import NotFound, Unavailable
from schemas.wire.types import Moment
from subscriber.context import WorkerContext
from subscriber.scratch import work_folder

_NONCE = "m-"


class Marker(BaseModel):
    """Who put it, and when. It holds no word of the prompt."""

    model_config = ConfigDict(frozen=True)

    nonce: str
    owner: str
    at: Moment
    instead_of: str | None = None
    """The nonce of the claim whose owner may not send any more, if another worker put the marker to fence it off."""


def new_nonce() -> str:
    """A nonce whose beginning says that its owner puts a marker before it sends."""
    return f"{_NONCE}{uuid.uuid4().hex}"


def puts_marker(nonce: str) -> bool:
    """True if the owner of this claim sends nothing before its marker is stored. Earlier versions have no markers."""
    return nonce.startswith(_NONCE)


def own_marker(ctx: WorkerContext, nonce: str) -> Marker:
    """What the owner of a claim puts."""
    return Marker(nonce=nonce, owner=ctx.owner, at=ctx.clock.now())


def fence(ctx: WorkerContext, nonce: str) -> Marker:
    """What another worker puts so that the owner of the claim `nonce` can't send any more."""
    return Marker(nonce=new_nonce(), owner=ctx.owner, at=ctx.clock.now(), instead_of=nonce)


async def put_marker(ctx: WorkerContext, prefix: str, marker: Marker) -> Marker:
    """Return the marker that is stored afterwards: this one, or the one that was there before.

    Raises `Unavailable`; then this marker may be stored or not.
    """
    name = marker_name(prefix)
    content = marker.model_dump_json(exclude_none=True).encode()
    if await ctx.videos.put(name, content, content_type="application/json"):
        return marker
    try:
        return await _read_marker(ctx, name)
    except NotFound as error:
        raise Unavailable(f"{name} was deleted while it was read") from error


async def delete_marker(ctx: WorkerContext, prefix: str) -> None:
    """Delete the marker of an attempt that was certainly not charged. Raises `Unavailable`."""
    await ctx.videos.delete(marker_name(prefix))


async def _read_marker(ctx: WorkerContext, name: str) -> Marker:
    """A file that is no marker of ours counts as one of another owner."""
    with work_folder(ctx.scratch, "marker") as folder:
        local = folder / "marker"
        await ctx.videos.fetch(name, local)
        content = await asyncio.to_thread(local.read_bytes)
    try:
        return Marker.model_validate_json(content)
    except ValidationError:
        return Marker(nonce="", owner="unknown", at=ctx.clock.now())
