"""`GET /v1/videos/{video_id}/content`: the file of a finished video, its still picture, or its sprite sheet."""

from starlette.responses import Response

from publisher.facade.call import Call
from publisher.facade.middleware import access_of, caller_of
from publisher.facade.openai_videos.repeats import note_received
from publisher.facade.openai_videos.routes import find_video
from publisher.facade.variants import read_variant, send_variant
from schemas.errors import Invalid

_VARIANTS = ("video", "thumbnail", "spritesheet")


async def content(call: Call) -> Response:
    """Answer with the file, or with the ranges of it that the caller asks for.

    A file in a bucket is answered with its signed address: 302.
    """
    access_of(call).check("read", "operate")
    variant = read_variant(call, _VARIANTS)
    job = await find_video(call)
    await note_received(call.state["ctx"], job, caller_of(call))
    if job.result is None:
        words = f"the video has no content: its job has {job.state}" if job.ended else "the video is not ready yet"
        raise Invalid(words, field="video_id")
    return await send_variant(call, job, variant)
