"""The page New: a form for the request, whose price follows each change, and whose button carries the price.

A form names the id of its job and the price that the visitor saw. A form that is sent twice makes one job. If the price
is higher by then, the visitor is asked again; and the job's `max_cost_usd` is the price that was agreed to, so that the
ledger can't say more.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from starlette.responses import RedirectResponse, Response

from publisher.access import find_for
from publisher.console.forms import Form, amount_of, number_of, open_form, read_form
from publisher.console.rendering import console_of, render, render_part
from publisher.facade.call import Call
from publisher.facade.middleware import access_of, traceparent_of
from publisher.facade.request_headers import video_request
from publisher.plan import VideoPlan, plan_video
from publisher.submit import submit
from schemas.errors import IdReused, Invalid
from schemas.wire.caller_names import to_shown_id
from schemas.wire.request import (
    DURATION_MAX_S,
    DURATION_MIN_S,
    IMAGE_TYPES,
    PROMPT_MAX,
    PROMPT_MIN,
    REFERENCE_IMAGES_AT_MOST,
    Quality,
    VideoRequest,
)
from schemas.wire.types import LANES, new_job_id

_PLAIN = (
    "prompt",
    "duration_seconds",
    "quality",
    "aspect_ratio",
    "resolution",
    "negative_prompt",
    "style",
    "seed",
    "model",
    "project_id",
    "priority",
    "job_id",
)
SCENE = {
    "title": "Title",
    "description": "Description",
    "visual": "What is seen",
    "cameraFlow": "Camera",
    "script": "Words",
    "backgroundMusic": "Music",
    "timeEnd": "Length, for example 8s",
}
"""The fields of a scene, and their labels."""
_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="
)
"""Stands for each of the visitor's images in a plan, which depends on how many there are."""
_IMAGES = {"reference_image": "image", "last_image": "last_image", "reference_images": "reference_images"}
"""The fields of a request with images, and how the form calls them."""
_BOXES = ("generate_audio", "evaluate")
_DEFAULTS = {
    "duration_seconds": "5",
    "quality": "fast",
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "priority": "interactive",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What the form asks for, as far as it can be read."""

    request: VideoRequest | None = None
    plan: VideoPlan | None = None
    problem: str = ""
    field: str = ""
    """The field at fault, as the request names it."""

    @property
    def may_be_sent(self) -> bool:
        """True if the request is valid, and would be accepted."""
        return self.plan is not None and self.plan.refusal is None


async def show_form(call: Call) -> Response:
    """Show the form: empty, or filled in as the job that `like` names was asked for. Raises `NotFound`."""
    access = access_of(call)
    access.check("submit")
    values = dict(_DEFAULTS, generate_audio="on")
    if like := call.query_params.get("like"):
        values = values_of((await find_for(call.state["ctx"], access, like)).request)
    proposal = await _propose(call, Form(texts=values, files={})) if values.get("prompt") else Proposal()
    return await _render_form(call, values, proposal)


async def plan_form(call: Call) -> Response:
    """Answer with the plan and its button, for the form as it is now. Nothing is written."""
    access_of(call).check("submit")
    proposal = await _propose(call, await read_form(call))
    return Response(
        render_part(call, "plan.html", proposal=proposal, is_asked=True, is_typing=True), media_type="text/html"
    )


async def send_form(call: Call) -> Response:
    """Make the job, and show it. If the visitor has not agreed to the price, show the form with the price instead."""
    access_of(call).check("submit")
    async with open_form(call) as form:
        for given in _IMAGES.values():
            form.texts.pop(f"has_{given}", None)  # only a plan has no image of its own
        with await call.state["admission"].acquire():
            return await _send(call, form)


async def _send(call: Call, form: Form) -> Response:
    access, agreed = access_of(call), amount_of(form, "agreed_usd")
    proposal = await _propose(call, form)
    if proposal.request is None or proposal.plan is None or proposal.plan.refusal:
        return await _render_form(call, form.texts, proposal, status=400)
    if agreed is None or proposal.plan.price_usd > agreed:
        notice = "" if agreed is None else "The price has changed since you saw it. Nothing was sent."
        return await _render_form(call, form.texts, proposal, notice=notice)
    request = proposal.request.model_copy(update={"max_cost_usd": agreed})
    try:
        job = await submit(call.state["ctx"], request, traceparent=traceparent_of(call), caller=access.caller)
    except Invalid as error:
        failed = Proposal(problem=str(error), field=error.field or "")
        return await _render_form(call, form.texts, failed, status=400)
    except IdReused:
        values = {**form.texts, "job_id": ""}
        notice = "This form has made a video already, of another request. Send it again to make a second one."
        return await _render_form(call, values, proposal, notice=notice, status=409)
    address = console_of(call).url(f"/jobs/{to_shown_id(access.jobs_of, job.job_id)}")
    return RedirectResponse(address, status_code=303)


def values_of(request: VideoRequest) -> dict[str, str]:
    """Return the fields of the form for a request. Its images are left out: the visitor chooses them again."""
    body = request.body()
    values = {name: str(body[name]) for name in _PLAIN if name in body and name != "job_id"}
    values |= {f"scene.{name}": str(text) for name, text in (body.get("scene") or {}).items() if name in SCENE and text}
    values["labels"] = "\n".join(f"{key}={value}" for key, value in request.labels.items())
    for name in _BOXES:
        if getattr(request, name):
            values[name] = "on"
    return {**_DEFAULTS, **values}


def fields_of(form: Form) -> dict[str, Any]:
    """Return the body of the request that the form stands for. Raises `Invalid` for labels and a file of no use."""
    fields: dict[str, Any] = {name: text for name in _PLAIN if (text := form.text(name))}
    scene = {name: text for name in SCENE if (text := form.text(f"scene.{name}"))}
    if scene:
        fields["scene"] = scene
    if scene.get("timeEnd"):
        fields.pop("duration_seconds", None)  # the scene says how long it is
    if labels := _read_labels(form.text("labels")):
        fields["labels"] = labels
    if not form.text("generate_audio"):
        fields["generate_audio"] = False
    if form.text("evaluate"):
        fields["evaluate"] = True
    for name, given in _IMAGES.items():
        if images := _read_images(form, name, given):
            fields[name] = images if name == "reference_images" else images[0]
    return fields


def _read_labels(text: str) -> dict[str, str]:
    labels = dict[str, str]()
    for line in filter(None, map(str.strip, text.splitlines())):
        key, equals, value = (part.strip() for part in line.partition("="))
        if not equals or key in labels:
            raise Invalid("labels must be lines with key=value, each key once", field="labels")
        labels[key] = value
    return labels


def _read_images(form: Form, name: str, given: str) -> list[str]:
    """Return the images of one field as `data:` URLs. A plan has no images, only the number of them."""
    files = form.files.get(given)
    if not files:
        return [_PIXEL] * min(number_of(form, f"has_{given}") or 0, REFERENCE_IMAGES_AT_MOST + 1)
    if any(file.media_type not in IMAGE_TYPES for file in files):
        raise Invalid(f"{name} must be a PNG, JPEG or WebP file", field=name)
    return [f"data:{file.media_type};base64,{base64.b64encode(file.content).decode()}" for file in files]


async def _propose(call: Call, form: Form) -> Proposal:
    """Return request and plan, or what is wrong with the form."""
    try:
        body = json.dumps(fields_of(form), ensure_ascii=True).encode()
        request, _ = await video_request(body, None)
        plan = await plan_video(call.state["ctx"], request, access_of(call))
    except Invalid as error:
        return Proposal(problem=str(error), field=error.field or "")
    return Proposal(request=request, plan=plan)


async def _render_form(
    call: Call, values: Mapping[str, str], proposal: Proposal, *, notice: str = "", status: int = 200
) -> Response:
    shown = dict.fromkeys((*_PLAIN, "labels", *_BOXES, *(f"scene.{name}" for name in SCENE)), "")
    shown.update(values)
    shown["job_id"] = shown["job_id"] or new_job_id()
    choices = {name: get_args(VideoRequest.model_fields[name].annotation) for name in ("aspect_ratio", "resolution")}
    return await render(
        call,
        "new.html",
        status=status,
        values=shown,
        proposal=proposal,
        notice=notice,
        is_typing=False,
        is_asked=status != 200 or proposal.plan is not None,
        scene_labels=SCENE,
        has_scene=any(shown[f"scene.{name}"] for name in SCENE),
        choices={**choices, "quality": [str(quality) for quality in Quality], "priority": LANES},
        limits={"prompt": (PROMPT_MIN, PROMPT_MAX), "duration": (DURATION_MIN_S, DURATION_MAX_S)},
        image_types=",".join(IMAGE_TYPES),
    )
