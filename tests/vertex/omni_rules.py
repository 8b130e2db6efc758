"""What Gemini Omni takes: an interaction with one video for an answer."""

import re
from typing import Any

from tests.vertex.films import frame_size
from tests.vertex.strict import ASPECTS, Refused, folder, keys, labels, one_of, require
from tests.vertex.work import Work

LONGEST_S = {"gemini-omni-1.2-flash": 15, "gemini-omni-1.1-flash-preview": 10}
_TOP = {"background", "store", "labels", "generation_config", "stream", "previous_interaction_id"}
_TASKS = {None: "text_to_video", "image": "image_to_video", "video": "extend"}
_PARTS = {
    "text": {"text"},
    "image": {"uri", "mime_type"},
    "video": {"uri", "mime_type"},
}


def read(body: Any) -> Work:
    """Raises `Refused`."""
    top = keys("request", body, needed={"model", "input", "response_format"}, allowed=_TOP)
    require(not top.get("background") or top.get("store", True), "background requires store.")
    require(isinstance(top["response_format"], list) and len(top["response_format"]) == 1, "one format, please.")
    asked = keys("response_format", top["response_format"][0], needed=_NEEDED, allowed={"resolution", "duration"})
    media = _media(top["input"])
    previous = top.get("previous_interaction_id")
    require(not (previous and media), "previous_interaction_id goes with a text alone.")
    extends = bool(previous) or "video" in media
    _check_config(top.get("generation_config", {}), "extend" if extends else _TASKS[next(iter(media), None)])
    one_of("aspect_ratio", asked["aspect_ratio"], ASPECTS)
    one_of("resolution", asked.get("resolution", "720p"), {"360p", "720p", "1080p", "4k"})
    width, height = frame_size(asked["aspect_ratio"], asked.get("resolution", "720p"))
    require((asked["type"], asked["delivery"]) == ("video", "uri"), "Only videos by URI.")
    return Work(
        model=top["model"],
        seconds=_seconds(asked.get("duration", "10s"), 10 if extends else LONGEST_S[top["model"]]),
        width=width,
        height=height,
        audio=True,
        storage_uri=folder("gcs_uri", asked["gcs_uri"]),
        labels=labels(top.get("labels", {})),
        images=tuple(uri for kind, uri in media.items() if kind == "image"),
        extends=media.get("video"),
        previous=previous,
    )


_NEEDED = {"type", "delivery", "gcs_uri", "aspect_ratio"}


def _media(parts: Any) -> dict[str, str]:
    """The contents of the one turn: google-genai wraps a list of contents into a step of the user's."""
    require(isinstance(parts, list) and len(parts) == 1, "input must be one turn.")
    turn = keys("input", parts[0], needed={"type", "content"}, allowed=frozenset())
    one_of("input.type", turn["type"], {"user_input"})
    found: dict[str, str] = {}
    for part in turn["content"]:
        kind = str(part.get("type"))
        one_of("input.type", kind, set(_PARTS))
        keys("input", part, needed={"type", *_PARTS[kind]}, allowed=frozenset())
        require(kind not in found, f"Only one {kind}.")
        found[kind] = part["uri"] if kind != "text" else part["text"]
    require(found.pop("text", None), "input must have a text.")
    require(len(found) <= 1, "image and video can't be combined.")
    return found


def _check_config(config: Any, fitting: str) -> None:
    given = keys("generation_config", config, allowed={"video_config", "seed"})
    task = keys("video_config", given.get("video_config", {}), allowed={"task"}).get("task")
    require(task in (None, fitting), f"task {task!r} does not fit the input.")
    require(type(given.get("seed", 0)) is int, "seed must be a number.")


def _seconds(duration: object, longest: int) -> int:
    found = re.fullmatch(r"([0-9]+)s", str(duration))
    if not found or not 3 <= int(found[1]) <= longest:
        raise Refused(f"duration must be between 3s and {longest}s, but got {duration!r}.")
    return int(found[1])
