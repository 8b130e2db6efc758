"""`GET /api/videos/{video_id}/file`: a finished video, or a file that is made of it."""

from collections.abc import Collection

from starlette.responses import RedirectResponse, Response

from publisher.access import find_for
from publisher.facade.call import Call
from publisher.facade.files import is_local, send_file
from publisher.facade.middleware import access_of
from publisher.facade.routes import check_parameters
from schemas.domain.job import Job
from schemas.domain.object_names import DERIVED
from schemas.errors import Invalid, NotFound, Unavailable

VARIANTS = ("video", "thumbnail", *DERIVED)


async def video_file(call: Call) -> Response:
    """Answer with the file, or with the ranges of it that the caller asks for; 302 if a bucket has it."""
    access_of(call).check("read", "operate")
    variant = read_variant(call, VARIANTS)
    job = await find_for(call.state["ctx"], access_of(call), call.path_params["video_id"])
    if job.result is None or job.erased_at:
        raise NotFound(f"the job has no video: it is {job.state}" if job.ended else "the video is not ready yet")
    return await send_variant(call, job, variant)


def read_variant(call: Call, known: Collection[str]) -> str:
    """Return the parameter `variant`. Raises `Invalid`, also for another parameter."""
    check_parameters(call, frozenset({"variant"}))
    variant = call.query_params.get("variant", "video")
    if variant not in known:
        raise Invalid(f"variant must be one of {', '.join(known)}", field="variant")
    return variant


async def send_variant(call: Call, job: Job, variant: str) -> Response:
    """Answer with a file of a finished job. It is made first if this is the first call that asks for it."""
    ctx = call.state["ctx"]
    if variant in DERIVED:
        if ctx.derived_files is None:
            raise Unavailable("this facade makes no files of videos")
        name = await ctx.derived_files.find_or_make(job, variant)
    elif job.result is None or (variant != "video" and job.result.poster_path is None):
        raise NotFound("this video has no thumbnail")
    else:
        name = job.result.gcs_path if variant == "video" else job.result.poster_path or ""
    if is_local(call):
        return await send_file(call, name)
    return RedirectResponse(await ctx.videos.url_for(name), status_code=302)
