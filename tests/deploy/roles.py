"""Who may do what, as a table: (account, role, on what). A test compares it with every grant that an apply makes."""

from schemas.domain.object_names import FINALS, POSTERS
from schemas.ports import (
    BATCH_REQUESTS,
    BATCH_WORKERS,
    COMPLETIONS,
    DEAD_REQUESTS,
    DEAD_WORKERS,
    EVALUATIONS,
    EVALUATORS,
    FILM_COMPLETIONS,
    FILM_REQUESTS,
    FILM_WORKERS,
    REQUESTS,
    WEBHOOKS,
    WORKERS,
)
from schemas.services.subscriptions import TOPICS

SHELF = "video-requests-dead-shelf"
VERTEX, PUBSUB = "agent@aiplatform.googleapis.com", "agent@pubsub.googleapis.com"
NODE, CONSUMER, OPERATOR = "node", "billing", "user:op@example.com"
BUCKET, OTHER_BUCKET = "demo-project-videos", "their-images"
LEASED = (
    WORKERS.name,
    BATCH_WORKERS.name,
    DEAD_WORKERS.name,
    WEBHOOKS.name,
    FILM_WORKERS.name,
    EVALUATORS.name,
    SHELF,
)

ROLES = frozenset(
    {
        # Requests, cancels, completions; a worker publishes requests again and dead letters.
        *(("facade", "pubsub.publisher", topic) for topic in (REQUESTS, BATCH_REQUESTS, COMPLETIONS, FILM_REQUESTS)),
        *(
            ("worker", "pubsub.publisher", topic)
            for topic in (REQUESTS, BATCH_REQUESTS, COMPLETIONS, DEAD_REQUESTS, FILM_COMPLETIONS, EVALUATIONS)
        ),
        *(("worker", "pubsub.subscriber", name) for name in LEASED),
        ("facade", "pubsub.subscriber", SHELF),
        *((who, "pubsub.viewer", name) for who in ("facade", "worker") for name in LEASED),
        # The facade's own subscription.
        ("facade", "pubsub.subscriber", COMPLETIONS),
        ("facade", "projects/demo-project/roles/reelbusOwnSubscription", "the project"),
        # Records, files, the model, traces and metrics, keys.
        *((who, "datastore.user", "the database") for who in ("facade", "worker")),
        *((who, "storage.objectUser", BUCKET) for who in ("facade", "worker", VERTEX)),
        ("worker", "aiplatform.user", "the project"),
        *(
            (who, role, "the project")
            for who in ("facade", "worker")
            for role in ("telemetry.metricsWriter", "telemetry.tracesWriter")
        ),
        ("facade", "secretmanager.secretAccessor", "reelbus-api-keys"),
        # Without both no message is ever dead-lettered.
        (PUBSUB, "pubsub.publisher", DEAD_REQUESTS),
        (PUBSUB, "pubsub.subscriber", WORKERS.name),
        (PUBSUB, "pubsub.subscriber", BATCH_WORKERS.name),
    }
)
"""What every deployment with keys needs."""

ROLES_OF_OPTIONS = frozenset(
    {
        ("allUsers", "storage.objectViewer", FINALS),
        ("allUsers", "storage.objectViewer", POSTERS),
        (NODE, "pubsub.publisher", REQUESTS),
        (NODE, "pubsub.publisher", BATCH_REQUESTS),
        (CONSUMER, "pubsub.subscriber", "completions-billing"),
        *((who, "storage.objectViewer", OTHER_BUCKET) for who in ("facade", "worker", VERTEX)),
        (PUBSUB, "bigquery.dataEditor", "completions"),
        (PUBSUB, "bigquery.metadataViewer", "completions"),
        *((OPERATOR, "pubsub.publisher", topic) for topic in TOPICS),
        *((OPERATOR, "pubsub.viewer", name) for name in LEASED),
        (OPERATOR, "pubsub.subscriber", SHELF),
        (OPERATOR, "datastore.user", "the database"),
        (OPERATOR, "storage.objectUser", BUCKET),
        # An evaluator takes completions and publishes scores.
        ("evaluator", "pubsub.publisher", EVALUATIONS),
        *(("evaluator", f"pubsub.{role}", EVALUATORS.name) for role in ("subscriber", "viewer")),
        ("evaluator", "datastore.user", "the database"),
        ("evaluator", "storage.objectUser", BUCKET),
        ("evaluator", "aiplatform.user", "the project"),
        *(("evaluator", f"telemetry.{signal}Writer", "the project") for signal in ("metrics", "traces")),
        # Callers are shown their own secret by the facade; the worker signs.
        *((who, "secretmanager.secretAccessor", "reelbus-webhook-secrets") for who in ("facade", "worker")),
        *(
            ("worker", "secretmanager.secretAccessor", secret)
            for secret in ("reelbus-webhook-endpoints", "reelbus-c2pa-certificate", "reelbus-c2pa-key")
        ),
    }
)
"""What the options of samples/everything.tfvars add."""
