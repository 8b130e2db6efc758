"""The remedies of `reelbus doctor`, done literally in a shell: afterwards nothing is wrong."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import types

from tests.cli.commands import Shell
from tests.gcp.emulated import Project

pytestmark = [pytest.mark.emulator, pytest.mark.slow, pytest.mark.timeout(300)]


def _change(project: Project, name: str, change: Callable[[types.Subscription], None]) -> None:
    path = f"projects/{project.id}/subscriptions/{name}"
    with SubscriberClient() as subscriber:
        wanted = subscriber.get_subscription(subscription=path)
        change(wanted)
        subscriber.delete_subscription(subscription=path)
        subscriber.create_subscription(request=wanted)


def _spoil(project: Project) -> None:
    """Change what can be updated and what can't, and delete a topic under its subscriptions."""

    def change(it: types.Subscription) -> None:
        it.dead_letter_policy.max_delivery_attempts = 5
        it.retry_policy.maximum_backoff = timedelta(seconds=600)
        it.retry_policy.minimum_backoff = timedelta(seconds=7)
        it.push_config.push_endpoint = "https://example.com/push"

    _change(project, "video-workers", change)
    _change(project, "video-batch-workers", lambda it: setattr(it, "filter", 'attributes.a = "b"'))
    with PublisherClient() as publisher:
        publisher.delete_topic(topic=f"projects/{project.id}/topics/video-completions")
        publisher.stop()


def test_each_remedy_works_as_it_is_printed(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    shell = Shell(tmp_path / "data")
    settings = {
        "REELBUS_BUS": project.bus_url,
        "REELBUS_JOBS": project.jobs_url,
        "REELBUS_VIDEOS": project.videos_url,
        **project.environment,
    }
    assert shell("setup", **settings).exit_code == 0
    for name, value in project.environment.items():
        monkeypatch.setenv(name, value)
    _spoil(project)
    environment = {
        **os.environ,
        **settings,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"http://{project.environment['PUBSUB_EMULATOR_HOST']}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CONFIG": str(tmp_path / "gcloud"),
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "REELBUS_DATA_DIR": str(tmp_path / "data"),
    }
    remedies = _find_remedies(shell, settings)
    assert len(remedies) == 5
    for remedy in remedies:
        done = subprocess.run(
            ["bash", "-c", remedy], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{remedy}: {done.stderr}"
    assert _find_remedies(shell, settings) == []


def _find_remedies(shell: Shell, settings: dict[str, str]) -> list[str]:
    """Return the remedy of each wrong line, each once."""
    said = json.loads(shell("doctor", "--json", "--for", "facade", **settings).stdout)
    return list(dict.fromkeys(each["remedy"] for each in said["findings"] if each["verdict"] == "wrong"))
