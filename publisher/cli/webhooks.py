"""`reelbus webhooks`: list deliveries, replay them, test an address, and show the secret of a caller."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import click
import httpx
from pydantic import BaseModel, ValidationError
from rich.table import Table
from rich.text import Text

from publisher.cli.configuration import configuration
from publisher.cli.errors import Command, NoVideo
from publisher.cli.http_client import parse, send, to_segment
from publisher.cli.options import facade_option, json_option, open_facade
from publisher.cli.output import console, echo, format_none, moment
from publisher.compose import open_context
from publisher.context import PublisherContext
from publisher.paging import LIMIT_MAX
from publisher.webhook_endpoints import DisabledEndpoints, EndpointEnabled, enable_endpoint, list_disabled
from publisher.webhooks import (
    UNDELIVERED,
    DeliveryListing,
    DeliveryView,
    WebhookSecret,
    WebhookTest,
    list_deliveries,
    read_secret,
    replay_delivery,
    replay_failed,
    send_test,
)
from schemas.domain.delivery import DeliveryState
from schemas.errors import Invalid
from schemas.ports import DeliveryQuery
from schemas.wire.types import isoformat, parse_moment

_PATH = "/api/webhooks"
T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
url_option = facade_option("--url", "--facade")
_caller_option = click.option("--caller", metavar="NAME", help="A caller with a key.  [default: callers without one]")


@click.group()
def webhooks() -> None:
    """List, replay and test webhooks, and show the secrets that sign them."""


@webhooks.command("list", cls=Command)
@click.option(
    "--state", type=click.Choice([str(state) for state in DeliveryState]), help="Only deliveries in this state."
)
@click.option("--job", "job_id", metavar="ID", help="Only deliveries of this job, by its stored id.")
@click.option("--film", "film_id", metavar="ID", help="Only deliveries of this film, by its stored id.")
@click.option("--caller", metavar="NAME", help="Only deliveries of this caller.")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True, metavar="N", help="The most to list."
)
@click.option("--cursor", metavar="CURSOR", help="Go on after the page that printed it.")
@json_option
@url_option
def list_command(state: str | None, as_json: bool, url: str | None, **which: Any) -> None:
    """List deliveries with their attempts, the newest first."""
    if which["job_id"] and which["film_id"]:
        raise Invalid("--film can't be given with --job: a delivery is of a job or of a film")
    if url is not None:
        _refuse_caller(which.pop("caller"))
        params = {name: value for name, value in {"state": state, **which}.items() if value is not None}
        listing = _call(DeliveryListing, url, "GET", "/deliveries", params=params)
    else:
        query = DeliveryQuery(state=DeliveryState(state) if state else None, **which)
        listing = _with_context(lambda ctx: list_deliveries(ctx, query, shown_to=None))
    if as_json:
        click.echo(listing.model_dump_json())
        return
    if listing.deliveries:
        console().print(_table(listing.deliveries))
    else:
        echo(format_none("deliveries", url or configuration().jobs_url))
    if listing.next_cursor:
        click.echo(f"more: --cursor {listing.next_cursor}", err=True)


@webhooks.command(cls=Command)
@click.argument("delivery_id", metavar="[ID]", required=False)
@click.option("--failed", is_flag=True, help="All failed and disabled deliveries instead of one.")
@click.option("--since", metavar="TIME", help="With --failed: those that were created since then (ISO 8601).")
@click.option(
    "--to",
    "--url",
    "url_prefix",
    default="",
    metavar="START",
    help="With --failed: addresses of receivers that begin so. A facade is named by --facade.",
)
@json_option
@facade_option("--facade")
def replay(
    delivery_id: str | None, failed: bool, since: str | None, url_prefix: str, as_json: bool, url: str | None
) -> None:
    """Post events again: a new series of attempts, under the same webhook-id."""
    if bool(delivery_id) == failed:
        raise Invalid("give either ID, the id of a delivery, or --failed")
    if delivery_id and (since or url_prefix):
        raise Invalid("--since and --to need --failed")
    after = _parse_since(since)
    if url is None:
        replayed = _replay_here(delivery_id, after, url_prefix)
    else:
        replayed = _replay_at(url, delivery_id, after, url_prefix)
    words = "\n".join(f"{each} is due now" for each in replayed)
    words = words or format_none("deliveries", url or configuration().jobs_url)
    echo(json.dumps({"replayed": replayed}) if as_json else words)


def _replay_here(delivery_id: str | None, after: datetime | None, url_prefix: str) -> list[str]:
    async def run(ctx: PublisherContext) -> list[str]:
        if delivery_id:
            return [(await replay_delivery(ctx, delivery_id, jobs_of=None)).delivery_id]
        _note_disabled(await list_disabled(ctx))
        return list(await replay_failed(ctx, since=after, url_prefix=url_prefix))

    return _with_context(run)


def _replay_at(url: str, delivery_id: str | None, after: datetime | None, url_prefix: str) -> list[str]:
    """Replay by the calls of a facade. It shows addresses without their query: no start can have one."""
    if "?" in url_prefix:
        raise Invalid("to must end before the query with --facade, which shows addresses without it", field="to")

    async def run() -> list[str]:
        async with open_facade(url) as connection:
            wanted = [delivery_id] if delivery_id else await _find_failed(connection, after, url_prefix)
            return [await _replay_one(connection, each) for each in wanted]

    return asyncio.run(run())


async def _replay_one(connection: httpx.AsyncClient, delivery_id: str) -> str:
    path = f"{_PATH}/deliveries/{to_segment(delivery_id, of='delivery')}/replay"
    return parse(DeliveryView, await send(connection, "POST", path, json={})).id


async def _find_failed(connection: httpx.AsyncClient, after: datetime | None, url_prefix: str) -> list[str]:
    """Return the failed and the disabled deliveries that were created since then, of addresses that begin so."""
    found = list[str]()
    known = parse(DisabledEndpoints, await send(connection, "GET", f"{_PATH}/disabled"))
    _note_disabled(known)
    disabled = {(each.name, each.url) for each in known.endpoints}
    for state in UNDELIVERED:
        params = {"state": str(state), "limit": str(LIMIT_MAX)}
        while True:
            page = parse(DeliveryListing, await send(connection, "GET", f"{_PATH}/deliveries", params=params))
            recent = [each for each in page.deliveries if after is None or each.created_at >= after]
            posted = [each for each in recent if each.url and (each.endpoint, each.url) not in disabled]
            found += [each.id for each in posted if each.url.startswith(url_prefix)]
            if page.next_cursor is None or len(recent) < len(page.deliveries):
                break
            params["cursor"] = page.next_cursor
    return found


@webhooks.command(cls=Command)
@click.argument("receiver", metavar="URL")
@_caller_option
@json_option
@url_option
def test(receiver: str, caller: str | None, as_json: bool, url: str | None) -> None:
    """Post a signed test event to an address now, and show how it was answered."""
    if url is not None:
        _refuse_caller(caller)
        result = _call(WebhookTest, url, "POST", "/test", json={"url": receiver})
    else:
        result = _with_context(lambda ctx: send_test(ctx, receiver, caller=caller))
    answer = result.error if result.status is None else f"status {result.status}"
    click.echo(result.model_dump_json() if as_json else f"{answer} in {result.ms} ms")
    if result.error:
        raise NoVideo("the receiver did not accept the event")


@webhooks.command(cls=Command)
@_caller_option
@click.option("--endpoint", metavar="NAME", help="The secret of an endpoint of REELBUS_WEBHOOK_ENDPOINTS instead.")
@json_option
@url_option
def secret(caller: str | None, endpoint: str | None, as_json: bool, url: str | None) -> None:
    """Show the secret with which a caller's receivers verify events."""
    if url is not None:
        _refuse_caller(caller)
        known = _call(WebhookSecret, url, "GET", "/secret", params={"endpoint": endpoint} if endpoint else {})
    else:
        known = _with_context(lambda ctx: read_secret(ctx, caller=caller, endpoint=endpoint))
    click.echo(known.model_dump_json() if as_json else known.secret)


@webhooks.command("disabled", cls=Command)
@json_option
@url_option
def show_disabled(as_json: bool, url: str | None) -> None:
    """List endpoints that get no events, since their receiver answered 410 Gone."""
    found = _call(DisabledEndpoints, url, "GET", "/disabled") if url else _with_context(list_disabled)
    if as_json:
        click.echo(found.model_dump_json())
        return
    for each in found.endpoints:
        since = f"disabled since {moment(isoformat(each.disabled_at))}"
        echo(f"{each.name}: {since}, {each.url} answered 410; enable it: reelbus webhooks enable {each.name}")
    if not found.endpoints:
        echo(format_none("disabled endpoints", url or configuration().jobs_url))


@webhooks.command(cls=Command)
@click.argument("endpoint", metavar="NAME")
@json_option
@url_option
def enable(endpoint: str, as_json: bool, url: str | None) -> None:
    """Let a disabled endpoint have events again. What it missed is posted by `webhooks replay --failed`."""
    if url is not None:
        path = f"/endpoints/{to_segment(endpoint, of='disabled endpoint')}/enable"
        done = _call(EndpointEnabled, url, "POST", path, json={})
    else:
        done = _with_context(lambda ctx: enable_endpoint(ctx, endpoint))
    words = f"{done.enabled} gets events again; post what it missed: reelbus webhooks replay --failed --since TIME"
    echo(done.model_dump_json() if as_json else words)


def _note_disabled(found: DisabledEndpoints) -> None:
    """Say on stderr whose deliveries `replay --failed` left out."""
    for each in found.endpoints:
        words = f"left out: endpoint {each.name} is disabled; enable it first: reelbus webhooks enable {each.name}"
        click.echo(words, err=True)


def _parse_since(text: str | None) -> datetime | None:
    try:
        return parse_moment(text) if text else None
    except ValidationError as error:
        raise Invalid("since must be a moment with a time zone, for example 2026-01-31T12:00:00Z") from error


def _refuse_caller(caller: str | None) -> None:
    """Raise `Invalid` for `--caller` with `--url`: there the API key says who calls."""
    if caller is not None:
        raise Invalid("caller must be absent with --url: the key in REELBUS_API_KEY names the caller", field="caller")


def _call(model: type[M], url: str, method: str, path: str, **more: Any) -> M:
    """Call the facade at that address, and return its answer."""

    async def run() -> M:
        async with open_facade(url) as connection:
            return parse(model, await send(connection, method, f"{_PATH}{path}", **more))

    return asyncio.run(run())


def _with_context(use: Callable[[PublisherContext], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_context(configuration(), make=False) as ctx:
            return await use(ctx)

    return asyncio.run(run())


def _table(deliveries: list[DeliveryView]) -> Table:
    table = Table("ID", "CREATED", "STATE", "ATTEMPTS", "LAST", "URL", box=None, pad_edge=False, header_style="bold")
    for each in deliveries:
        last = each.attempts[-1] if each.attempts else None
        outcome = "-" if last is None else str(last.status or last.error)
        created = moment(isoformat(each.created_at))
        table.add_row(*map(Text, (each.id, created, each.state, str(len(each.attempts)), outcome, each.url)))
    return table
