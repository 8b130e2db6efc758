"""Google as the processes of one test meet it, and as somebody sees it who does not look through our adapters."""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile

import httpx
from google.cloud.firestore import Client as Firestore
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.types import PubsubMessage
from google.cloud.storage import Client as Storage

from schemas.domain.job import Job
from schemas.domain.object_names import FINALS
from schemas.ports import COMPLETIONS
from schemas.wire.completion import Completion
from schemas.wire.message import Message, decode_completion
from tests.gcp.emulated import Project
from tests.support.processes import ROOT, fork
from tests.vertex.script import Books, Step


@dataclass(frozen=True)
class Google:
    """One project on the emulators, with a Vertex AI on the wire that writes into its bucket."""

    project: Project
    vertex: httpx.Client
    ear: str
    """A downstream subscription of its own to the completions."""

    def then(self, *steps: Step) -> None:
        """What happens to the next submits at Vertex AI."""
        self.vertex.post("/_script", json=[step.model_dump() for step in steps]).raise_for_status()

    def release(self) -> None:
        """Lets Vertex AI make the films that the script holds."""
        self.vertex.post("/_release").raise_for_status()

    def books(self) -> Books:
        """What Vertex AI was asked, and what it would charge."""
        return Books.model_validate_json(self.vertex.get("/_accepted").raise_for_status().content)

    def document(self, job_id: str) -> tuple[str, Job]:
        """The state that listings go by, and the record, as they lie in Firestore."""
        with closing(Firestore(project=self.project.id)) as firestore:
            found = firestore.collection("jobs").document(job_id).get()
        return found.get("state"), Job.model_validate_json(found.get("record"))

    def films(self) -> dict[str, bytes]:
        """The finished files in the bucket, by name."""
        with closing(Storage(project=self.project.id)) as storage:
            blobs = storage.list_blobs(self.project.bucket, prefix=FINALS)
            return {blob.name: blob.download_as_bytes() for blob in blobs}

    def completions(self, count: int) -> list[Completion]:
        """What was announced, once there are so many; a message that comes twice counts once."""
        heard: dict[str, Completion] = {}
        with SubscriberClient() as subscriber:
            while len(heard) < count:
                for each in subscriber.pull(subscription=self.ear, max_messages=100).received_messages:
                    heard[each.message.message_id] = decode_completion(_message(each.message))
        return list(heard.values())


def _message(received: PubsubMessage) -> Message:
    return Message(data=received.data, attributes=dict(received.attributes))


@contextmanager
def google_at(project: Project) -> Iterator[tuple[Google, Mapping[str, str]]]:
    """Set up by `reelbus setup`; and the settings that lead our processes there."""
    addresses = {"BUS": project.bus_url, "JOBS": project.jobs_url, "VIDEOS": project.videos_url}
    settings = {f"REELBUS_{name}": value for name, value in addresses.items()}
    _set_up(settings)
    with _vertex(project.bucket) as url, httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        settings |= {"REELBUS_PROVIDER": f"vertex://{project.id}/us-central1", "REELBUS_VERTEX_BASE_URL": url}
        yield Google(project, client, _ear(project.id)), settings


def _set_up(settings: Mapping[str, str]) -> None:
    with TemporaryFile() as said:
        setup = fork("publisher", "setup", env={**os.environ, **settings}, cwd=ROOT, stderr=said.fileno())
        assert setup.wait() == 0, said.seek(0) or said.read().decode()


@contextmanager
def _vertex(bucket: str) -> Iterator[str]:
    reading, writing = os.pipe()
    server = fork("tests.vertex.server", "--bucket", bucket, env=os.environ, cwd=ROOT, stdout=writing)
    os.close(writing)
    try:
        with os.fdopen(reading) as said:
            yield said.readline().strip()
    finally:
        server.kill()
        server.wait()


def _ear(project: str) -> str:
    with SubscriberClient() as subscriber:
        path = str(subscriber.subscription_path(project, "downstream"))
        topic = subscriber.topic_path(project, COMPLETIONS)
        subscriber.create_subscription(name=path, topic=topic)
    return path
