"""What every process of the matrix needs is imported here once, before they are forked. Nothing is opened."""

import av
import PIL.Image
from google import genai
from google.auth.credentials import AnonymousCredentials

import infra.embedded.bus
import infra.embedded.jobs
import infra.embedded.videos
import infra.gcp.firestore.jobs
import infra.gcp.pubsub.bus
import infra.gcp.storage
import infra.media.editor
import infra.media.film_editor
import tests.crash.launch
from subscriber import compose, reconcile, worker

__all__ = ["PIL", "av", "compose", "infra", "reconcile", "tests", "worker"]

_client = genai.Client(vertexai=True, project="none", location="none", credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
_ = _client.aio.interactions  # loads 0.5 s worth of modules; nothing is sent
_client.close()
