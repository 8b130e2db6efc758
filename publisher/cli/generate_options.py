"""The options that make up a request. They are named after its fields, and are judged by it: one door, one sentence."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from publisher.cli.exits import complaint
from publisher.cli.order import image, labels, scene
from schemas.errors import Invalid

F = TypeVar("F", bound=Callable[..., Any])


def _read(reader: Callable[[Any], object]) -> Callable[[click.Context, click.Parameter, Any], object]:
    def callback(_: click.Context, __: click.Parameter, value: Any) -> object:
        try:
            return None if value is None else reader(value)
        except Invalid as error:
            raise complaint(error) from error

    return callback


def _scene(file: Any) -> object:
    return scene(file.read())


_OPTIONS = (
    click.argument("prompt", required=False),
    click.option("-d", "--duration", "duration_seconds", metavar="N", help="Whole seconds, 1 to 30.  [default: 5]"),
    click.option("-q", "--quality", metavar="fast|quality", help="[default: fast]"),
    click.option(
        "--scene",
        type=click.File("rb"),
        callback=_read(_scene),
        metavar="FILE",
        help="A scene as JSON (- for stdin): title, description, visual, cameraFlow, script, …",
    ),
    click.option(
        "--image",
        "reference_image",
        callback=_read(image),
        metavar="FILE",
        help="First frame: PNG, JPEG or WebP, or a gs:// address.",
    ),
    click.option("--aspect-ratio", metavar="16:9|9:16", help="[default: 16:9]"),
    click.option("--resolution", metavar="720p|1080p|4k", help="[default: 720p]"),
    click.option("--style", metavar="TEXT", help="For example: watercolour."),
    click.option("--negative-prompt", metavar="TEXT", help="What must not be seen."),
    click.option("--seed", metavar="N", help="The same seed gives the same video, where the model can."),
    click.option("--audio/--no-audio", "generate_audio", default=None, help="With sound or silent.  [default: audio]"),
    click.option("--model", metavar="NAME", help="A model by its name, instead of the one that --quality means."),
    click.option("--project", "project_id", metavar="ID", help="The project that it belongs to."),
    click.option("--scene-index", metavar="N", help="Its place among the project's scenes."),
    click.option("--label", "labels", multiple=True, callback=_read(labels), metavar="K=V", help="May be repeated."),
    click.option("--max-cost", "max_cost_usd", metavar="USD", help="Refuse a plan that costs more."),
    click.option("--start-before", metavar="TIME", help="Expire where it was not started by then (ISO 8601)."),
    click.option(
        "--on-unknown-submit",
        metavar="fail|resubmit",
        help="If nobody can tell whether the model took it in.  [default: fail]",
    ),
    click.option(
        "--id", "job_id", metavar="ID", help="The job's id: a repeated call gets the same job.  [default: new]"
    ),
)


def request_options(command: F) -> F:
    """All of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
