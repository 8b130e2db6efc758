"""`reelbus plan`: what a video would cost, before a cent is spent. Without a network, and without an account."""

import json

import click

from publisher.cli.configuration import configuration
from publisher.cli.door_option import json_option
from publisher.cli.exits import Verb
from publisher.cli.order import order
from publisher.compose import open_planner
from schemas.plan import Plan, PlannedClip

_PROMPT = "A video whose plan is asked for."


@click.command(cls=Verb)
@click.option("-d", "--duration", "duration_seconds", metavar="N", help="Whole seconds, 1 to 30.  [default: 5]")
@click.option("-q", "--quality", metavar="fast|quality", help="[default: fast]")
@click.option("--aspect-ratio", metavar="16:9|9:16", help="[default: 16:9]")
@click.option("--resolution", metavar="720p|1080p|4k", help="[default: 720p]")
@click.option("--audio/--no-audio", "generate_audio", default=None, help="With sound or silent.  [default: audio]")
@click.option("--model", metavar="NAME", help="A model by its name, instead of the one that --quality means.")
@json_option
def plan(as_json: bool, **asked: object) -> None:
    """Show clips, billed seconds and price before a cent is spent.

    Of the model that the settings name: REELBUS_MODEL, REELBUS_FAST_MODELS, REELBUS_QUALITY_MODELS. The video is cut
    to the exact length afterwards, which costs nothing.
    """
    request = order(prompt=_PROMPT, **asked)
    planned = open_planner(configuration())(request)
    click.echo(_as_json(planned) if as_json else _for_people(planned))
    for warning in planned.warnings:
        click.echo(f"warning: {warning}", err=True)


def _billed(plan: Plan) -> float:
    return sum(clip.billed_seconds for clip in plan.clips)


def _as_json(plan: Plan) -> str:
    clips = plan.model_dump(mode="json")["clips"]
    return json.dumps({"clips": clips, "billed_seconds": _billed(plan), "price_usd": float(plan.price_usd)})


def _for_people(plan: Plan) -> str:
    lines = [_line(number, clip) for number, clip in enumerate(plan.clips, 1)]
    return "\n".join((*lines, f"total  {_billed(plan):g} s billed  ${plan.price_usd:.2f}"))


def _line(number: int, clip: PlannedClip) -> str:
    what = f"extends by {clip.seconds:g} s" if clip.extends else f"makes {clip.seconds:g} s"
    return f"{number:<5}  {clip.model}  {what}  {clip.billed_seconds:g} s billed  ${clip.price_usd:.3f}"
