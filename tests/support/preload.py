"""What the processes of the tests import, imported once before they are forked. Nothing is opened."""

import importlib

_MODULES = (
    "PIL.Image",
    "av",
    "infra.animatic.model",
    "infra.animatic.render",
    "google.oauth2.credentials",
    "infra.embedded.budgets",
    "infra.embedded.bus",
    "infra.embedded.deliveries",
    "infra.embedded.films",
    "infra.embedded.heartbeats",
    "infra.embedded.jobs",
    "infra.embedded.parked",
    "infra.embedded.statistics",
    "infra.embedded.videos",
    "infra.film_listing",
    "infra.gcp.firestore.jobs",
    "infra.gcp.pubsub.bus",
    "infra.gcp.storage",
    "infra.media.editor",
    "infra.media.film_editor",
    "infra.media.film_exporter",
    "infra.provenance.keeper",
    "infra.worker_reports",
    "publisher.cli",
    "publisher.compose",
    "publisher.facade.server",
    "subscriber.__main__",
    "subscriber.compose",
    "subscriber.reconcile",
    "subscriber.worker",
    "tests.vertex.server",
    "uvloop",
)


def import_everything() -> None:
    """Also what the Google Gen AI SDK loads at its first use: 0.5 s worth of modules; nothing is sent."""
    for name in _MODULES:
        importlib.import_module(name)
    from google import genai
    from google.auth.credentials import AnonymousCredentials

    client = genai.Client(vertexai=True, project="none", location="none", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    _ = client.aio.interactions
    client.close()
