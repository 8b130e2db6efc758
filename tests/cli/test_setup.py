"""`setup`: the first time it makes everything, the second time nothing."""

import json
from collections.abc import Mapping

import pytest

from tests.cli.commands import Shell, complaint
from tests.gcp.emulated import Project, emulators, project

__all__ = ["emulators", "project"]


def _variables(project: Project) -> Mapping[str, str]:
    return {
        "REELBUS_BUS": project.bus_url,
        "REELBUS_JOBS": project.jobs_url,
        "REELBUS_VIDEOS": project.videos_url,
        **project.environment,
    }


def test_the_embedded_default_needs_none(shell: Shell) -> None:
    assert shell("setup").stdout == "Nothing to set up: the settings name nothing at Google.\n"
    assert json.loads(shell("setup", "--json").stdout) == {"changes": [], "hints": []}
    assert not shell.data_dir.exists()


@pytest.mark.emulator
def test_it_says_what_it_changed_and_changes_nothing_twice(shell: Shell, project: Project) -> None:
    first, second = (json.loads(shell("setup", "--json", **_variables(project)).stdout) for _ in range(2))
    made = {(change["kind"], change["name"]): change["done"] for change in first["changes"]}
    assert made == {
        ("bucket", project.bucket): "created",
        ("lifecycle", f"{project.bucket}/work/"): "ignored",  # the server has no such thing
        ("topic", "video-requests"): "created",
        ("topic", "video-requests-batch"): "created",
        ("topic", "video-completions"): "created",
        ("topic", "video-requests-dead"): "created",
        ("topic", "film-requests"): "created",
        ("topic", "film-completions"): "created",
        ("topic", "video-evaluations"): "created",
        ("subscription", "video-requests-dead-shelf"): "created",
        ("subscription", "video-workers"): "created",
        ("subscription", "video-batch-workers"): "created",
        ("subscription", "video-dead-workers"): "created",
        ("subscription", "video-webhooks"): "created",
        ("subscription", "film-workers"): "created",
        ("subscription", "video-evaluators"): "created",
        ("database", "(default)"): "answers",
    }
    assert {change["done"] for change in second["changes"]} == {"kept", "ignored", "answers"}
    assert any("roles/pubsub.publisher" in hint for hint in second["hints"])
    bound = [hint for hint in second["hints"] if "roles/pubsub.subscriber" in hint]
    assert [name for hint in bound for name in ("video-workers", "video-batch-workers") if name in hint.split()] == [
        "video-workers",
        "video-batch-workers",
    ]


@pytest.mark.emulator
def test_for_people(shell: Shell, project: Project) -> None:
    said = shell("setup", **_variables(project)).stdout
    assert "created    subscription  video-workers" in said
    assert "gcloud pubsub topics add-iam-policy-binding" in said


@pytest.mark.parametrize(
    ("variable", "value"),
    [("REELBUS_BUS", "pubsub://"), ("REELBUS_JOBS", "firestore://p/d/e"), ("REELBUS_VIDEOS", "gs://b?ttl=x")],
)
def test_an_address_that_is_none_is_refused(shell: Shell, variable: str, value: str) -> None:
    result = shell("setup", **{variable: value})
    assert result.exit_code == 2
    assert variable in complaint(result)
