"""Each thing that means harm, at each door: refused in one sentence that names the field and the limit."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from schemas.wire.completion import Completion, Outcome
from tests.cli.commands import Shell, complaint
from tests.facade.doors import GENERATE, Door, door_to, settings_for
from tests.fuzz.hostile import FIELDS, IMAGES, PROMPT, TEXTS, with_image
from tests.worker.bench import Bench, bench_in
from tests.worker.clips import write_clip

_FIELDS = pytest.mark.parametrize(("changes", "words"), FIELDS.values(), ids=FIELDS)
_ON_THE_BUS = {name: field for name, field in FIELDS.items() if name != "a stored name of nobody"}
"""From the bus that one fails its job, by the name of what is missing."""
_IMAGES = pytest.mark.parametrize(("image", "words"), IMAGES.values(), ids=IMAGES)
_TEXTS = pytest.mark.parametrize(("text", "words"), TEXTS.values(), ids=TEXTS)
_BUS_LIMIT = "reference_image must have at most 7,000,000 bytes"
_BY_COMMAND = ("a bomb", "an animation", "a text that lies", "more bytes than allowed")


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    async with door_to(settings_for(tmp_path / "facade")) as door:
        yield door


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_clip(tmp_path_factory.mktemp("film") / "film.mp4").read_bytes()


@pytest.fixture
async def bench(tmp_path: Path, film: bytes) -> AsyncIterator[Bench]:
    async with bench_in(tmp_path / "worker", film) as bench, bench.working():
        yield bench


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "shell")


async def _refused(door: Door, text: bytes) -> str:
    answer = await door.client.post(GENERATE, content=text)
    assert answer.status_code == 400, answer.text
    assert "Traceback" not in answer.text
    assert (await door.client.get("/api/videos")).json()["videos"] == [], "and there is no job"
    return str(answer.json()["detail"])


async def _rejected(bench: Bench, text: bytes) -> Completion:
    await bench.send_raw(text)
    heard = await bench.hear()
    assert heard.state is Outcome.REJECTED
    [letter] = await bench.ctx.bus.dead_letters()
    assert letter.message.data == text
    assert letter.cause
    return heard


def _message(heard: Completion) -> str:
    assert heard.error is not None
    return heard.error.message


@_FIELDS
async def test_a_field_by_http(door: Door, changes: dict[str, Any], words: str) -> None:
    text = json.dumps({"prompt": PROMPT, **changes}).encode()
    assert (await _refused(door, text)).startswith(f"Invalid request: {words}")


@pytest.mark.parametrize(("changes", "words"), _ON_THE_BUS.values(), ids=_ON_THE_BUS)
async def test_a_field_on_the_bus(bench: Bench, changes: dict[str, Any], words: str) -> None:
    heard = await _rejected(bench, json.dumps({"job_id": "one", "prompt": PROMPT, **changes}).encode())
    assert _message(heard).startswith(words)
    assert heard.job_id == (None if "job_id" in changes else "one")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--id", "../../etc/passwd"), "job_id must have"),
        (("--id", "a\r\nb"), "job_id must have"),
        (("--project", "a\r\nb"), "project_id must have"),
        (("--model", "../../v1/else"), "model must have"),
        (("--label", "a=b\r\nc"), "labels.a must have"),
        (("--image", "gs://foreign/image.png"), "reference_image can't be read from gs://foreign/image.png"),
        (("--image", "/etc/no-such-file"), "reference_image can't be read: "),
        (("--seed", "99999999999999999999"), "seed must be at most 4294967295"),
    ],
)
def test_a_field_by_command(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    result = shell("generate", PROMPT, *arguments)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: Invalid request: {words}")
    assert "Traceback" not in result.output


@_IMAGES
async def test_an_image_by_http(door: Door, image: bytes, words: str) -> None:
    assert (await _refused(door, json.dumps(with_image(image)).encode())).startswith(f"Invalid request: {words}")


@_IMAGES
async def test_an_image_on_the_bus(bench: Bench, image: bytes, words: str) -> None:
    heard = await _rejected(bench, json.dumps({"job_id": "one", **with_image(image)}).encode())
    assert _message(heard).startswith(_BUS_LIMIT if len(image) > 7_000_000 else words)


@pytest.mark.parametrize("name", _BY_COMMAND)
def test_an_image_by_command(shell: Shell, tmp_path: Path, name: str) -> None:
    image, words = IMAGES[name]
    file = tmp_path / "image.png"
    file.write_bytes(image)
    result = shell("generate", PROMPT, "--image", str(file))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith(f"Error: Invalid request: {words}")


@_TEXTS
async def test_a_text_by_http(door: Door, text: bytes, words: str) -> None:
    assert words in await _refused(door, text)


@_TEXTS
async def test_a_text_on_the_bus(bench: Bench, text: bytes, words: str) -> None:
    assert words in _message(await _rejected(bench, text))


@_TEXTS
def test_a_scene_by_command(shell: Shell, text: bytes, words: str) -> None:
    result = shell("generate", "--scene", "-", stdin=text)
    assert result.exit_code == 2
    assert words in complaint(result)


async def test_a_lie_about_the_type_is_seen_through(door: Door) -> None:
    """A WebP that calls itself a PNG is stored as what it is."""
    still = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0/\0\0\0\0\x07\x10\x11\xfd\x0fDD\xff\x03"
    answer = await door.client.post(GENERATE, json=with_image(still, "image/png"), headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    [stored] = await door.desk.videos.list("references/")
    assert stored.name.endswith(".webp")


async def test_a_null_byte_in_a_prompt_is_a_character_like_others(bench: Bench) -> None:
    await bench.send(prompt="A harbour\0 at dawn\x1b[31m", style="\0")
    assert (await bench.hear()).state is Outcome.SUCCEEDED
    assert (await bench.job()).request.prompt == "A harbour\0 at dawn\x1b[31m"
