"""OpenAI's client for Python, as a program: prints one JSON object. Arguments: base URL, key, folder, image."""

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

warnings.simplefilter("ignore", DeprecationWarning)

import openai  # noqa: E402

PROMPT = "A lighthouse at dawn, slow aerial shot"


def main(base_url: str, key: str, folder: str, image: str) -> dict[str, object]:
    client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=2)
    video = client.videos.create_and_poll(
        model="sora-2", prompt=PROMPT, seconds="4", size="1280x720", input_reference=Path(image)
    )
    client.videos.download_content(video.id).write_to_file(Path(folder, "python.mp4"))
    client.videos.download_content(video.id, variant="thumbnail").write_to_file(Path(folder, "python.jpg"))
    client.videos.download_content(video.id, variant="spritesheet").write_to_file(Path(folder, "sheet.jpg"))
    refused: dict[str, str | None] = {}
    asks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("size", lambda: client.videos.create(prompt=PROMPT, size="1792x1024")),
        ("unknown", lambda: client.videos.retrieve("none")),
    )
    for name, ask in asks:
        try:
            ask()
        except openai.APIStatusError as error:
            refused[name] = f"{type(error).__name__} {error.param} {error.code}"
    second = client.videos.create_and_poll(prompt=PROMPT, seconds="4")
    listed = [each.id for each in client.videos.list(limit=1)]
    oldest = client.videos.list(limit=1, order="asc").data[0].id
    deleted = client.videos.delete(video.id)
    try:
        client.videos.retrieve(video.id)
    except openai.NotFoundError:
        gone = True
    return {
        "video": video.model_dump(),
        "second": second.id,
        "listed": listed,
        "oldest": oldest,
        "deleted": deleted.deleted,
        "gone": gone,
        "refused": refused,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(*sys.argv[1:])))
