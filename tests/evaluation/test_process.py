"""The evaluator's process: killed between its call and the answer; and no other process loads Google's client."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from schemas.domain.evaluation import ANSWERED, NO_ANSWER
from tests.evaluation.house import House
from tests.evaluation.service import EVALUATE, Answer, EvaluationService
from tests.evaluation.test_evaluator import ClockAhead, lines
from tests.support.processes import ROOT

HEAVY = "google.cloud.aiplatform_v1beta1"


def environment(folder: Path, url: str) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("REELBUS_")}
    return {
        **kept,
        "REELBUS_DATA_DIR": str(folder),
        "REELBUS_EVALUATION": "vertex://acme/europe-west4",
        "REELBUS_EVALUATION_BASE_URL": url,
        "REELBUS_ACK_DEADLINE_S": "1",
    }


@asynccontextmanager
async def evaluator(folder: Path, url: str, **settings: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """An evaluator that is ready, as its command starts it."""
    command = [sys.executable, "-m", "publisher", "evaluator"]
    variables = {**environment(folder, url), **settings}
    process = await asyncio.create_subprocess_exec(*command, env=variables, cwd=ROOT, stderr=asyncio.subprocess.PIPE)
    assert process.stderr
    try:
        while b"ready" not in (line := await process.stderr.readline()):
            assert line, "the evaluator has ended"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_killed_evaluator_has_made_one_try(house: House, service: EvaluationService, tmp_path: Path) -> None:
    service.answers.append(Answer(hangs=True))
    async with evaluator(tmp_path, service.url) as killed:
        await house.finish()
        await service.wait_for(EVALUATE, 1)  # the call is written down and sent
        killed.send_signal(signal.SIGKILL)
        assert await killed.wait() == -signal.SIGKILL
    assert [each[2] for each in await lines(house)] == [ANSWERED, None]
    async with house.evaluating(clock=ClockAhead()):
        assert (await house.hear()).evaluation.score == 0.5
    assert [each[2] for each in await lines(house)] == [ANSWERED, NO_ANSWER, ANSWERED]
    assert len(service.of(EVALUATE)) == 2


def run(folder: Path, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**environment(folder, "http://localhost:9"), **changes},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"REELBUS_EVALUATION": ""}, "REELBUS_EVALUATION: must be vertex://project/location"),
        ({"REELBUS_EVALUATION_METRIC": "a metric"}, "REELBUS_EVALUATION_METRIC"),
        ({"REELBUS_EVALUATION_SHARE": '{"p": 2}'}, "REELBUS_EVALUATION_SHARE"),
    ],
)
def test_a_wrong_setting_ends_the_start(tmp_path: Path, changes: Mapping[str, str], words: str) -> None:
    ended = run(tmp_path, "-m", "subscriber.evaluation", **changes)
    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr


def test_no_other_process_loads_google_s_client(tmp_path: Path) -> None:
    modules = "publisher.compose, publisher.facade.server, subscriber.__main__, subscriber.compose, subscriber.worker"
    google = "infra.adapters, infra.gcp.vertex.adapter, infra.gcp.storage, infra.gcp.pubsub.bus"
    code = f"import sys, {modules}, {google}; print({HEAVY!r} in sys.modules, 'infra.gcp.evaluation' in sys.modules)"
    assert run(tmp_path, "-W", "ignore", "-c", code).stdout.split() == ["False", "False"]
    assert {HEAVY, "infra.gcp.evaluation"} <= sys.modules.keys()  # here they are: what the test looks for is real


def test_the_image_leaves_out_only_what_is_never_imported() -> None:
    left_out = re.search(r"for each in (.+); do", (ROOT / "infra/deploy/Containerfile").read_text())
    assert left_out
    names = {path.replace("/", ".") for path in left_out[1].split()}
    assert all(find_spec(name) for name in names), "no such package: the image could not be built"
    assert names.isdisjoint(sys.modules)
    assert HEAVY in sys.modules
