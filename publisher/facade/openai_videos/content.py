"""`GET /v1/videos/{video_id}/content`: the file of a finished video, or its still picture."""

from starlette.responses import RedirectResponse, Response

from publisher.access import view_for
from publisher.facade.call import Call
from publisher.facade.files import is_local, send_file
from publisher.facade.middleware import access_of, caller_of
from publisher.facade.openai_videos.repeats import note_received
from publisher.facade.openai_videos.routes import find_video
from publisher.facade.routes import check_parameters
from schemas.errors import Invalid, NotFound

_VARIANTS = ("video", "thumbnail")


async def content(call: Call) -> Response:
    """Answer with the file, or with the ranges of it that the caller asks for.

    A file in a bucket is answered with its signed address: 302.
    """
    access_of(call).check("read", "operate")
    check_parameters(call, frozenset({"variant"}))
    variant = call.query_params.get("variant", "video")
    if variant == "spritesheet":
        raise Invalid("variant spritesheet is not made here; use video or thumbnail", field="variant")
    if variant not in _VARIANTS:
        raise Invalid(f"variant must be one of {', '.join(_VARIANTS)}", field="variant")
    job = await find_video(call)
    await note_received(call.state["ctx"], job, caller_of(call))
    if job.result is None:
        words = f"the video has no content: its job has {job.state}" if job.ended else "the video is not ready yet"
        raise Invalid(words, field="video_id")
    name = job.result.gcs_path if variant == "video" else job.result.poster_path
    if name is None:
        raise NotFound("this video has no thumbnail")
    if is_local(call):
        return await send_file(call, name)
    view = await view_for(call.state["ctx"], access_of(call), job)
    return RedirectResponse(str(view.video_url if variant == "video" else view.poster_url), status_code=302)
