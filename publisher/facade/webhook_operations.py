"""The operations about webhooks."""

from publisher.facade.openapi_parts import (
    BODY_REFUSED,
    FAILED,
    NO_JOB,
    REFUSED,
    UNAVAILABLE,
    Answer,
    Operation,
    Parameter,
    error_answer,
    page_parameters,
)
from schemas.domain.delivery import DeliveryState
from schemas.wire.webhook_endpoints import ENDPOINT_NAME

_ALWAYS = {**REFUSED, 500: FAILED, 503: UNAVAILABLE}
_OPEN = {500: FAILED}

WEBHOOK_OPERATIONS = (
    Operation(
        method="get",
        path="/api/webhooks/deliveries",
        name="listDeliveries",
        summary="List the deliveries of webhooks with their attempts, the newest first.",
        guarded=True,
        scopes=("read", "operate"),
        parameters=(
            Parameter(
                name="state",
                place="query",
                words="Only deliveries in this state.",
                schema={"enum": [str(state) for state in DeliveryState]},
            ),
            Parameter(
                name="job_id",
                place="query",
                words="Only deliveries of this job.",
                schema={"pattern": "^[A-Za-z0-9_-]{1,64}$"},
            ),
            Parameter(
                name="film_id",
                place="query",
                words="Only deliveries of this film.",
                schema={"pattern": "^[A-Za-z0-9_-]{1,64}$"},
            ),
            *page_parameters("Deliveries"),
        ),
        answers={
            200: Answer(words="A page.", model="DeliveryListing"),
            400: error_answer("A filter is invalid."),
            404: NO_JOB,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/webhooks/deliveries/{delivery_id}/replay",
        name="replayDelivery",
        summary="Post an event again: a new series of attempts under the same `webhook-id`.",
        guarded=True,
        scopes=("submit", "operate"),
        takes="EraseRequest",
        parameters=(
            Parameter(
                name="delivery_id",
                place="path",
                words="The `id` of the delivery.",
                schema={"pattern": "^[A-Za-z0-9_.=-]{1,256}$"},
            ),
        ),
        answers={
            202: Answer(words="The delivery, which is due now.", model="DeliveryView"),
            400: error_answer("The body is invalid."),
            404: error_answer("No such delivery."),
            409: error_answer("The delivery is being posted, or its endpoint is disabled."),
            410: error_answer("The address was erased with its job or its film."),
            **BODY_REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/webhooks/disabled",
        name="listDisabledEndpoints",
        summary="List the endpoints of the settings that get no events, since their receiver answered 410 Gone.",
        guarded=True,
        scopes=("operate",),
        answers={200: Answer(words="The endpoints.", model="DisabledEndpoints"), **_ALWAYS},
    ),
    Operation(
        method="post",
        path="/api/webhooks/endpoints/{endpoint}/enable",
        name="enableEndpoint",
        summary="Let a disabled endpoint have events again. What it missed is posted if it is replayed.",
        guarded=True,
        scopes=("operate",),
        takes="EraseRequest",
        parameters=(
            Parameter(
                name="endpoint",
                place="path",
                words="The name of the endpoint.",
                schema={"pattern": "^[A-Za-z0-9_.=-]{1,256}$"},
            ),
        ),
        answers={
            200: Answer(words="It is enabled.", model="EndpointEnabled"),
            400: error_answer("The body is invalid."),
            404: error_answer("No disabled endpoint has this name."),
            **BODY_REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="post",
        path="/api/webhooks/test",
        name="testWebhook",
        summary="Post a signed event of the type `reelbus.webhook.test.v1` to an address now.",
        guarded=True,
        scopes=("submit", "operate"),
        takes="WebhookTestRequest",
        answers={
            200: Answer(words="How the receiver answered.", model="WebhookTest"),
            400: error_answer("The address is refused."),
            **BODY_REFUSED,
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/api/webhooks/secret",
        name="webhookSecret",
        summary="The secret with which this caller's receivers verify events.",
        guarded=True,
        scopes=("submit", "operate"),
        parameters=(
            Parameter(
                name="endpoint",
                place="query",
                words="The secret of this endpoint of the settings instead; needs the scope `operate`.",
                schema={"pattern": ENDPOINT_NAME},
            ),
        ),
        answers={
            200: Answer(words="The secret.", model="WebhookSecret"),
            400: error_answer("No endpoint can have this name."),
            404: error_answer("This facade signs no webhooks."),
            **_ALWAYS,
        },
    ),
    Operation(
        method="get",
        path="/.well-known/jwks.json",
        name="webhookKeys",
        summary="The Ed25519 public keys of this installation, which verify the `v1a` signatures of all its webhooks.",
        answers={200: Answer(words="The keys; none if the operator has set none.", model="KeySet"), **_OPEN},
    ),
)
