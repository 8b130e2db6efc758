"""What callers and operators do with webhooks: see their deliveries, replay them, and check an address."""

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from publisher.context import PublisherContext
from publisher.paging import LIMIT_MAX, check_limit
from publisher.webhook_endpoints import check_enabled
from schemas.domain.delivery import Attempt, DeliveryState, WebhookDelivery
from schemas.errors import Conflict, Gone, Invalid, NotFound
from schemas.ports import Deliveries, DeliveryQuery
from schemas.wire.caller_names import to_shown_id
from schemas.wire.film_webhook import FilmWebhook
from schemas.wire.types import Moment
from schemas.wire.validation import to_invalid
from schemas.wire.webhook import TEST, Webhook, build_body, show_secret, sign
from schemas.wire.webhook_address import mask_url
from schemas.wire.webhook_endpoints import ENDPOINT_NAME
from schemas.wire.webhook_keys import jwk_of, show_public_key

UNDELIVERED = (DeliveryState.FAILED, DeliveryState.DISABLED)
"""What no attempt brings any more, until it is replayed."""
_ATTEMPTS = 5
_ID = r"[A-Za-z0-9_.=-]{1,256}"


class DeliveryView(BaseModel):
    """A delivery with its attempts. The address is shown without its query, which may hold a token."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The `webhook-id`, a dot, and the endpoint.")
    webhook_id: str
    type: str
    video_id: str | None = Field(description="The job that ended; null if it is a film.")
    film_id: str | None = Field(default=None, description="The film of which a revision ended; null if it is a job.")
    caller: str | None
    endpoint: str = Field(
        description="`request`: the address comes from the request or storyboard; else an endpoint of the settings."
    )
    url: str
    state: DeliveryState
    attempts: tuple[Attempt, ...] = Field(description="The last 20.")
    created_at: Moment
    next_at: Moment | None = Field(description="When the next attempt is due.")


class DeliveryListing(BaseModel):
    """A page of deliveries, the newest first."""

    model_config = ConfigDict(frozen=True)

    deliveries: list[DeliveryView]
    next_cursor: str | None


class WebhookTest(BaseModel):
    """How a receiver answered a test event."""

    model_config = ConfigDict(frozen=True)

    status: int | None
    ms: int
    error: str | None = Field(description="One word; null if the receiver accepted the event.")


class WebhookSecret(BaseModel):
    """The secret with which a caller's receivers verify events."""

    model_config = ConfigDict(frozen=True)

    secret: str = Field(description="`whsec_…`, by Standard Webhooks.")
    former: list[str] = Field(description="Secrets that sign as well, for as long as the operator rotates them.")
    public_keys: list[str] = Field(
        default=[], description="`whpk_…`: keys that sign for all callers (`v1a`), also at `/.well-known/jwks.json`."
    )


class PublicKey(BaseModel):
    """An Ed25519 public key as JSON Web Key (RFC 8037)."""

    model_config = ConfigDict(frozen=True)

    kty: str
    crv: str
    x: str = Field(description="The 32 bytes of the key in base64url.")
    alg: str
    use: str
    kid: str = Field(description="The thumbprint of the key (RFC 7638).")


class KeySet(BaseModel):
    """The public keys of this installation: during a rotation several, without a key none."""

    model_config = ConfigDict(frozen=True)

    keys: list[PublicKey]


def check_webhook(ctx: PublisherContext, webhook: Webhook | FilmWebhook) -> None:
    """Raise `Invalid` for an address to which nothing would be posted."""
    if ctx.webhook_policy is None:
        raise _no_webhooks()
    ctx.webhook_policy.check_url(webhook.url)


def parse_state(given: str | None) -> DeliveryState | None:
    """Return the state that a caller asks for; None for all. Raises `Invalid`."""
    if given is not None and given not in tuple(DeliveryState):
        raise Invalid(f"state must be {', '.join(DeliveryState)}", field="state")
    return None if given is None else DeliveryState(given)


async def list_deliveries(ctx: PublisherContext, query: DeliveryQuery, *, shown_to: str | None) -> DeliveryListing:
    """Return a page. A caller sees its own ids, an operator (`shown_to` None) the stored ones. Raises `Invalid`."""
    check_limit(query.limit)
    page = await _deliveries(ctx).list(query)
    return DeliveryListing(
        deliveries=[to_delivery_view(each, shown_to=shown_to) for each in page.deliveries], next_cursor=page.cursor
    )


async def replay_delivery(ctx: PublisherContext, delivery_id: str, *, jobs_of: str | None) -> WebhookDelivery:
    """Make the delivery due now, in a new series under the same `webhook-id`.

    Raises `NotFound`, also for another caller's, `Gone` if its address was erased with the job or the film, and
    `Conflict` if its endpoint is disabled.
    """
    deliveries = _deliveries(ctx)
    for _ in range(_ATTEMPTS):
        found = await deliveries.get(delivery_id) if re.fullmatch(_ID, delivery_id) else None
        if found is None or (jobs_of is not None and found.caller != jobs_of):
            raise NotFound(f"there is no delivery {delivery_id[:200]}")
        if not found.url:
            raise Gone(f"delivery {delivery_id} was erased with its {'film' if found.film_id else 'job'}")
        await check_enabled(deliveries, found)
        try:
            replayed = await deliveries.save(found.replay(ctx.clock.now()))
            ctx.count_decision("replay_webhook")
            return replayed
        except Conflict:  # a courier stores the result of an attempt
            continue
    raise Conflict(f"delivery {delivery_id} is being posted; try again")


async def send_test(ctx: PublisherContext, url: str, *, caller: str | None) -> WebhookTest:
    """Post a test event now, signed with the caller's secret. Raises `Invalid` for an address that is refused."""
    try:
        webhook = Webhook(url=url)
    except ValidationError as error:
        raise to_invalid(error) from error
    if ctx.webhook_policy is None or ctx.webhook_secrets is None or ctx.poster is None:
        raise _no_webhooks()
    ctx.webhook_policy.check_url(webhook.url, field="url")
    now, event_id = ctx.clock.now(), f"test-{secrets.token_hex(8)}"
    body = build_body({}, event_id=event_id, kind=TEST, at=now, status_url="").encode()
    known = await asyncio.to_thread(ctx.webhook_secrets, caller)
    headers = sign(known, webhook_id=event_id, at=now, body=body, keys=ctx.webhook_keys)
    result = await ctx.poster.post(webhook.url, body, headers)
    return WebhookTest(status=result.status, ms=result.ms, error=result.error)


async def read_secret(ctx: PublisherContext, *, caller: str | None, endpoint: str | None = None) -> WebhookSecret:
    """Return the caller's own secret, or that of an endpoint of the settings.

    Raises `NotFound` if webhooks can't be signed here, and `Invalid` for what is no name of an endpoint.
    """
    if ctx.webhook_secrets is None or ctx.endpoint_secrets is None:
        raise NotFound(str(_no_webhooks()))
    if endpoint is not None and not re.fullmatch(ENDPOINT_NAME, endpoint):
        raise Invalid("endpoint must be the name of an endpoint: small letters, digits and hyphens", field="endpoint")
    read = partial(ctx.webhook_secrets, caller) if endpoint is None else partial(ctx.endpoint_secrets, endpoint)
    first, *others = map(show_secret, await asyncio.to_thread(read))
    keys = [show_public_key(key.public) for key in ctx.webhook_keys]
    return WebhookSecret(secret=first, former=others, public_keys=keys)


def list_public_keys(ctx: PublisherContext) -> KeySet:
    """Return the public keys with which anyone verifies the `v1a` signatures of this installation."""
    return KeySet(keys=[PublicKey.model_validate(jwk_of(key.public)) for key in ctx.webhook_keys])


async def replay_failed(ctx: PublisherContext, *, since: datetime | None, url_prefix: str = "") -> Sequence[str]:
    """Replay all failed and disabled deliveries that were created since then, of addresses that begin so.

    Those of disabled endpoints are left out.
    """
    found: list[WebhookDelivery] = []
    disabled = await _deliveries(ctx).list_disabled_endpoints()
    for state in UNDELIVERED:
        query = DeliveryQuery(state=state, limit=LIMIT_MAX)
        while True:
            page = await _deliveries(ctx).list(query)
            recent = [each for each in page.deliveries if since is None or each.created_at >= since]
            found += [each for each in recent if each.url and each.url.startswith(url_prefix)]
            if page.cursor is None or len(recent) < len(page.deliveries):
                break
            query = replace(query, cursor=page.cursor)
    wanted = [each for each in found if not any(endpoint.covers(each) for endpoint in disabled)]
    return [(await replay_delivery(ctx, each.delivery_id, jobs_of=None)).delivery_id for each in wanted]


def to_delivery_view(delivery: WebhookDelivery, *, shown_to: str | None) -> DeliveryView:
    """Return what a caller, or an operator, sees of a delivery."""
    return DeliveryView(
        id=delivery.delivery_id,
        webhook_id=delivery.webhook_id,
        type=delivery.type,
        video_id=None if delivery.film_id else to_shown_id(shown_to, delivery.job_id),
        film_id=to_shown_id(shown_to, delivery.film_id) if delivery.film_id else None,
        caller=delivery.caller,
        endpoint=delivery.endpoint,
        url=mask_url(delivery.url) if delivery.url else "",
        state=delivery.state,
        attempts=delivery.attempts,
        created_at=delivery.created_at,
        next_at=delivery.next_at,
    )


def _no_webhooks() -> Invalid:
    words = "webhook can't be used here: the operator has set no REELBUS_WEBHOOK_SECRETS"
    return Invalid(words, field="webhook")


def _deliveries(ctx: PublisherContext) -> Deliveries:
    if ctx.deliveries is None:
        raise NotFound("this deployment has no webhooks")
    return ctx.deliveries
