"""The marker: a small file that is put under an attempt's prefix before its one paid request leaves.

The video store creates it only if it is absent, and outlives the job record. So the marker answers two questions:

- Does the record not know this attempt, because a backup was restored or another deployment began it?
- Did the owner of an unsettled claim reach its send? A worker that takes over puts the marker itself. If that succeeds,
  the owner has sent nothing, and never will: it sends only after it has put the marker.

Free clips have no marker, since sending them twice costs nothing.
"""

import asyncio
import uuid

from pydantic import BaseModel, ConfigDict, ValidationError

from schemas.domain.job import Job
from schemas.domain.object_names import attempt_of, clip_prefix, is_marker, marker_name, work_prefix
from schemas.domain.states import ClipState
from schemas.errors import NotFound, Unavailable
from schemas.wire.types import Moment
from subscriber.context import WorkerContext
from subscriber.scratch import work_folder

_NONCE = "m-"


class Marker(BaseModel):
    """Which worker put it, and when. It holds no word of the prompt."""

    model_config = ConfigDict(frozen=True)

    nonce: str
    owner: str
    at: Moment
    instead_of: str | None = None
    """The nonce of the claim whose owner may not send, if another worker put this marker to fence it off."""


def new_nonce() -> str:
    """Return a nonce whose first characters say that its owner puts a marker before it sends."""
    return f"{_NONCE}{uuid.uuid4().hex}"


def puts_marker(nonce: str) -> bool:
    """True if the owner of this claim sends nothing before its marker is stored. Older versions put no markers."""
    return nonce.startswith(_NONCE)


def own_marker(ctx: WorkerContext, nonce: str) -> Marker:
    """Return the marker that the owner of a claim puts."""
    return Marker(nonce=nonce, owner=ctx.owner, at=ctx.clock.now())


def fence(ctx: WorkerContext, nonce: str) -> Marker:
    """Return the marker that another worker puts to keep the owner of the claim `nonce` from sending."""
    return Marker(nonce=new_nonce(), owner=ctx.owner, at=ctx.clock.now(), instead_of=nonce)


async def put_marker(ctx: WorkerContext, prefix: str, marker: Marker) -> Marker:
    """Return the marker that is stored afterwards: this one, or the one that was stored before.

    A stored file that is no marker counts as the marker of another owner.
    Raises `Unavailable`; then this marker may be stored or not.
    """
    name = marker_name(prefix)
    content = marker.model_dump_json(exclude_none=True).encode()
    if await ctx.videos.put(name, content, content_type="application/json"):
        return marker
    with work_folder(ctx.scratch, "marker") as folder:
        local = folder / "marker"
        try:
            await ctx.videos.fetch(name, local)
        except NotFound as error:
            raise Unavailable(f"{name} was deleted while it was read") from error
        stored = await asyncio.to_thread(local.read_bytes)
    try:
        return Marker.model_validate_json(stored)
    except ValidationError:
        return Marker(nonce="", owner="unknown", at=ctx.clock.now())


async def delete_marker(ctx: WorkerContext, prefix: str) -> None:
    """Delete the marker of an attempt that was certainly not charged. Raises `Unavailable`."""
    await ctx.videos.delete(marker_name(prefix))


async def find_forgotten_attempt(ctx: WorkerContext, job: Job) -> int | None:
    """Return the attempt at the next clip that was paid or may have been, though the record does not know that.

    It is an attempt that is lost or came late, and left a file. Or it is newer than all attempts that the record knows,
    and left a file or a marker.
    """
    clip = job.clip_in(ClipState.PLANNED)
    index, known, lost = (clip.index, clip.attempt, (*clip.lost_prefixes, *clip.late)) if clip else (0, 0, ())
    names = [file.name for file in await ctx.videos.list(clip_prefix(job.job_id, index))]
    newer = {attempt_of(name) for name in names if attempt_of(name) > known}
    with_files = {attempt_of(name) for name in names if not is_marker(name)}
    lost_before = {n for n in with_files if any(name.startswith(work_prefix(job.job_id, index, n)) for name in lost)}
    return max(newer | lost_before, default=None)
