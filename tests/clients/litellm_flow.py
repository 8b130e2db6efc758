"""LiteLLM, as a program: prints one JSON object. Arguments: base URL, key, folder, image."""

import asyncio
import json
import os
import sys
import time
from pathlib import Path

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it downloads a list of prices
elsewhere: list[str] = []
"""Each name that was looked up and each address that was called, beside this machine."""


def watch(event: str, given: tuple[object, ...]) -> None:
    """Note the places outside of this machine: Python reports each look-up and each connection."""
    if event not in ("socket.connect", "socket.getaddrinfo"):
        return
    place = given[1] if event == "socket.connect" else given[0]
    host = place[0] if isinstance(place, tuple) else place
    if host not in ("127.0.0.1", b"127.0.0.1"):
        elsewhere.append(f"{event} {host!r}")


sys.addaudithook(watch)

import litellm  # noqa: E402
from litellm.types.videos.utils import extract_original_video_id  # noqa: E402

litellm.suppress_debug_info = True  # else hints of its own are in the output

MODEL = "openai/sora-2"
PROMPT = "A lighthouse at dawn, slow aerial shot"


def wait_and_download(video_id: str, door: dict[str, str], file: Path) -> dict[str, object]:
    """The video when it has ended; its file is then in the folder."""
    while (video := litellm.video_status(video_id, **door)).status in ("queued", "in_progress"):
        time.sleep(0.2)
    file.write_bytes(litellm.video_content(video_id, **door))
    shown: dict[str, object] = video.model_dump()
    return shown


def use_calls(door: dict[str, str], folder: Path, image: str) -> dict[str, object]:
    with Path(image).open("rb") as frame:
        made = litellm.video_generation(
            model=MODEL, prompt=PROMPT, seconds="4", size="1280x720", input_reference=frame, **door
        )
    video = wait_and_download(made.id, door, folder / "calls.mp4")
    (folder / "calls.jpg").write_bytes(litellm.video_content(made.id, variant="thumbnail", **door))
    second = litellm.video_generation(model=MODEL, prompt=PROMPT, seconds="4", **door)
    listed = litellm.video_list(limit=5, custom_llm_provider="openai", **door)
    wait_and_download(second.id, door, folder / "second.mp4")
    try:
        litellm.video_generation(model=MODEL, prompt=PROMPT, size="1792x1024", **door)
    except litellm.BadRequestError as error:
        refused = str(error)
    return {
        "video": video,
        "ids": [own_id(each.id) for each in (made, second)],
        "listed": [own_id(each["id"]) for each in listed["data"]],
        "refused": refused,
    }


def own_id(video_id: str) -> str:
    """The facade's id, which LiteLLM wraps."""
    return str(extract_original_video_id(video_id))


def use_router(door: dict[str, str], folder: Path) -> str:
    router = litellm.Router(
        model_list=[{"model_name": "film", "litellm_params": {"model": MODEL, **door}}], num_retries=2
    )
    made = asyncio.run(router.avideo_generation(model="film", prompt=PROMPT, seconds="4"))
    wait_and_download(made.id, door, folder / "router.mp4")
    return own_id(made.id)


def main(base_url: str, key: str, folder: str, image: str) -> dict[str, object]:
    door = {"api_base": base_url, "api_key": key}
    by_router = use_router(door, Path(folder))
    return {"by_router": by_router, **use_calls(door, Path(folder), image), "elsewhere": elsewhere}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
