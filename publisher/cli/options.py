"""Options that commands share: `--url`, `--json`, and the options that make up a request.

The request's options are named after its fields and are validated by it, so that all entries give the same errors.
"""

import base64
import math
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import click
import httpx
from pydantic import ValidationError

from publisher.cli.clients import JobClient, open_local_client
from publisher.cli.configuration import configuration
from publisher.cli.errors import to_click_error
from publisher.cli.http_client import open_connection, open_http_client
from publisher.cli.http_operator import HttpOperator
from publisher.cli.operator_clients import LocalOperator, OperatorClient
from publisher.compose import open_context
from schemas.errors import Invalid
from schemas.wire.media_types import image_type_of_name, is_data_url
from schemas.wire.request import IMAGE_MAX_BYTES, IMAGE_TYPES, VideoRequest
from schemas.wire.types import new_job_id
from schemas.wire.validation import parse_object, to_invalid


class Seconds(click.FloatRange):
    """A finite number of seconds. `nan` passes the comparisons of a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds, or end the command."""
        seconds = float(super().convert(value, param, ctx))
        if not math.isfinite(seconds):
            self.fail(f"must be a finite number of seconds, not {value!r}", param, ctx)
        return seconds


class FilePath(click.Path):
    """A path of a file system: its name need not be UTF-8, but has no NUL."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or end the command."""
        try:
            os.fsencode(value)
            return super().convert(value, param, ctx)
        except ValueError:
            self.fail(f"must be a path that the file system can take, not {value!r}", param, ctx)


def _check_url(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return the address without its last slash. A query would end up in the middle of the facade's addresses."""
    if value is None:
        return None
    try:
        url = urlsplit(value)
        is_address = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:  # a bracket without its other half, or a port above 65535
        is_address = False
    if not is_address or re.search(r"[\s\x00-\x1f\x7f?#]", value):
        words = "must be an http:// or https:// address with a port up to 65535 and no query"
        raise click.BadParameter(f"{words}, not {value!r}")
    return value.rstrip("/")


def facade_option(*names: str) -> Callable[[Any], Any]:
    """Return the option, under these names, whose address of a facade becomes the parameter `url`."""
    words = "Use a running facade, e.g. http://localhost:8000."
    return click.option(*names, "url", callback=_check_url, metavar="URL", help=words)


url_option = facade_option("--url")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")


def open_facade(url: str) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """Open a connection to the facade at that address, with the key of the settings."""
    return open_connection(url, api_key=configuration().api_key.get_secret_value())


@asynccontextmanager
async def open_client(url: str | None) -> AsyncIterator[JobClient]:
    """Open a client of the facade at that address; without one, of the stores that the settings name."""
    if url is None:
        async with open_local_client() as local:
            yield local
    else:
        async with open_http_client(url, api_key=configuration().api_key.get_secret_value()) as client:
            yield client


@asynccontextmanager
async def open_operator(url: str | None) -> AsyncIterator[OperatorClient]:
    """Open an operator's client of that facade; without an address, of the stores that the settings name."""
    if url is None:
        async with open_context(configuration(), make=False) as ctx:
            yield LocalOperator(ctx)
    else:
        async with open_facade(url) as connection:
            yield HttpOperator(connection)


def build_request(**given: object) -> VideoRequest:
    """Build the request, with a new id if none was given. Raises `Invalid` in the words of the facade."""
    body: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, {}, ())}
    body.setdefault("job_id", new_job_id())
    try:
        return VideoRequest.model_validate(body)
    except ValidationError as error:
        raise to_invalid(error) from error


def scene(text: bytes) -> object:
    """Parse the scene in the text of a JSON file. Raises `Invalid`."""
    return parse_object(text, what="scene")


def open_file(path: Path) -> BinaryIO:
    """Open a file to read it. A named pipe without a writer is empty, instead of keeping the command waiting."""
    file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115
    os.set_blocking(file.fileno(), True)
    return file


def read_file(given: str, *, field: str, max_bytes: int) -> bytes:
    """Return the content of a file, or of stdin for `-`. Raises `Invalid` if it can't be read or is too large."""
    try:
        with click.open_file("-", "rb") if given == "-" else open_file(Path(given)) as file:
            content = file.read(max_bytes + 1)  # a device such as /dev/zero has no end
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Invalid(f"{field} can't be read: {given[:300]}: {reason}", field=field) from error
    if len(content) > max_bytes:
        raise _too_large(field, given, max_bytes)
    return content


def _too_large(field: str, path: str, max_bytes: int) -> Invalid:
    """Return the error, with the size of a file; a pipe and a device have none."""
    size_bytes = Path(path).stat().st_size if Path(path).is_file() else 0
    given = f", not {size_bytes:,}" if size_bytes else ""
    return Invalid(f"{field} must have at most {max_bytes:,} bytes{given}", field=field)


def image(given: str, field: str = "reference_image") -> str:
    """Return an image of that field: an address unchanged, a file as a data: URL. Raises `Invalid`."""
    if given.startswith("gs://") or is_data_url(given):
        return given
    path = Path(given)
    try:
        with open_file(path) as file:
            content = file.read(IMAGE_MAX_BYTES + 1)  # a device such as /dev/zero has no end
        if len(content) > IMAGE_MAX_BYTES:
            raise _too_large(field, given, IMAGE_MAX_BYTES)
    except OSError as error:
        words = f"{field} can't be read: {given[:300]}: {error.strerror or error}"
        raise Invalid(words, field=field) from error
    except ValueError as error:  # a null byte in its name
        raise Invalid(f"{field} can't be read: {error}", field=field) from error
    # Its true type is read from its first bytes when it is stored.
    named = image_type_of_name(path.name)
    media_type = named if named in IMAGE_TYPES else IMAGE_TYPES[0]
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def images(given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the reference images. Raises `Invalid`."""
    return tuple(image(each, f"reference_images.{index}") for index, each in enumerate(given))


def labels(pairs: tuple[str, ...]) -> dict[str, str]:
    """Parse `key=value` pairs. Raises `Invalid`."""
    split = [pair.partition("=") for pair in pairs]
    for key, sign, _ in split:
        if not sign:
            raise Invalid(f"labels must be given as key=value, not {key[:80]!r}", field="labels")
    return {key: value for key, _, value in split}


F = TypeVar("F", bound=Callable[..., Any])


def _parse_with(parse: Callable[[Any], object]) -> Callable[[click.Context, click.Parameter, Any], object]:
    def callback(_: click.Context, __: click.Parameter, value: Any) -> object:
        try:
            return None if value is None else parse(value)
        except Invalid as error:
            raise to_click_error(error) from error

    return callback


_SCENE_MAX_BYTES = IMAGE_MAX_BYTES


def _read_scene(given: str) -> object:
    return scene(read_file(given, field="scene", max_bytes=_SCENE_MAX_BYTES))


_OPTIONS = (
    click.argument("prompt", required=False),
    click.option("-d", "--duration", "duration_seconds", metavar="N", help="Whole seconds, 1 to 30.  [default: 5]"),
    click.option("-q", "--quality", metavar="fast|quality", help="[default: fast]"),
    click.option(
        "--scene",
        callback=_parse_with(_read_scene),
        metavar="FILE",
        help="A scene as JSON (- for stdin): title, description, visual, cameraFlow, script, …",
    ),
    click.option(
        "--image",
        "reference_image",
        callback=_parse_with(image),
        metavar="FILE",
        help="First frame: PNG, JPEG or WebP, or a gs:// address.",
    ),
    click.option(
        "--last-image",
        callback=_parse_with(lambda given: image(given, "last_image")),
        metavar="FILE",
        help="Last frame, in the same forms.",
    ),
    click.option(
        "--reference-image",
        "reference_images",
        multiple=True,
        callback=_parse_with(images),
        metavar="FILE",
        help="What the video has to show, in the same forms. Up to 3.",
    ),
    click.option("--aspect-ratio", metavar="16:9|9:16", help="[default: 16:9]"),
    click.option("--resolution", metavar="720p|1080p|4k", help="[default: 720p]"),
    click.option("--style", metavar="TEXT", help="For example: watercolour."),
    click.option("--negative-prompt", metavar="TEXT", help="What the video must not show."),
    click.option("--seed", metavar="N", help="The same seed gives the same video, if the model supports it."),
    click.option(
        "--audio/--no-audio",
        "generate_audio",
        default=None,
        help="Make the video with or without sound.  [default: audio]",
    ),
    click.option("--model", metavar="NAME", help="A model by its name, instead of the models of --quality."),
    click.option("--project", "project_id", metavar="ID", help="The project of the video."),
    click.option("--scene-index", metavar="N", help="The position of the video among the project's scenes."),
    click.option(
        "--label", "labels", multiple=True, callback=_parse_with(labels), metavar="K=V", help="May be repeated."
    ),
    click.option(
        "--priority",
        metavar="interactive|batch",
        help="batch: let interactive requests go first.  [default: interactive]",
    ),
    click.option(
        "--webhook",
        callback=_parse_with(lambda url: {"url": url}),
        metavar="URL",
        help="Post the end of the job to this https:// address.",
    ),
    click.option(
        "--evaluate",
        is_flag=True,
        default=None,
        help="Score the video against its prompt. An evaluator has to run; each call is a line of the ledger.",
    ),
    click.option("--max-cost", "max_cost_usd", metavar="USD", help="Reject a plan that costs more."),
    click.option("--start-before", metavar="TIME", help="Expire if the job has not started by then (ISO 8601)."),
    click.option(
        "--on-unknown-submit",
        metavar="fail|resubmit",
        help="If it is unknown whether the model accepted a clip.  [default: fail]",
    ),
    click.option(
        "--id", "job_id", metavar="ID", help="The id of the job: a repeated command gets the same job.  [default: new]"
    ),
)


_FILTERS = (
    click.option("--state", metavar="STATE", help="Only jobs in this state, e.g. queued, generating, failed."),
    click.option("--project", "project_id", metavar="ID", help="Only jobs of this project."),
    click.option("--model", metavar="NAME", help="Only jobs of this model."),
    click.option("--label", metavar="K=V", help="Only jobs with this label."),
    click.option(
        "-q", "--search", "q", metavar="WORD", help="An id or its beginning, a label, a project, a model, a state."
    ),
    click.option(
        "--caller", "jobs_of", metavar="NAME", help="Only jobs of this caller; with --url for an operator's key."
    ),
)


def job_filters(command: F) -> F:
    """Add the options that select jobs to the command."""
    for option in reversed(_FILTERS):
        command = option(command)
    return command


def request_options(command: F) -> F:
    """Add all options of a request to the command."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
