"""The limit of queued jobs holds for the command line's own jobs too."""

import pytest

from publisher.cli.clients import LocalClient
from publisher.cli.errors import OutOfReach, to_click_error
from publisher.queue_limit import TooManyQueued
from schemas.wire.request import VideoRequest
from tests.cli.commands import PROMPT, Shell


def test_a_job_beyond_the_limit_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REELBUS_MAX_QUEUED_PER_CALLER", "1")
    shell.queued("one", "p")
    request = VideoRequest(job_id="two", prompt=PROMPT, project_id="p")
    with pytest.raises(TooManyQueued, match="queued jobs of project p are limited to 1") as caught:
        shell.with_desk(lambda desk: LocalClient(desk).submit(request))
    assert isinstance(to_click_error(caught.value), OutOfReach)
    assert (caught.value.retry_after_s, shell.with_desk(lambda desk: desk.jobs.get("two"))) == (1.2, None)
    shell.queued("one", "p")
