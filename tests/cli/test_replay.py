"""`replay`, and what it pays for."""

import json
from decimal import Decimal

import pytest

from publisher.context import PublisherContext
from publisher.jobs import cancel
from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job
from schemas.domain.projections import JobView
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Failure
from schemas.ports import WORKERS
from schemas.services.update import update_job
from tests.cli.commands import Shell, complaint


@pytest.fixture
def cancelled(shell: Shell) -> str:
    shell.queued("one")
    return shell.with_desk(lambda desk: cancel(desk, "one")).job_id


def test_for_people(shell: Shell, cancelled: str) -> None:
    result = shell("replay", cancelled)
    assert result.exit_code == 0
    assert result.stdout == "one is queued; clips that were paid and made are used, and nothing else is paid\n"
    assert "queued" in shell("status", cancelled).stdout


def test_for_scripts(shell: Shell, cancelled: str) -> None:
    view = JobView.model_validate_json(shell("replay", cancelled, "--json").stdout)
    assert (view.video_id, view.state, view.error) == ("one", JobState.QUEUED, None)


def test_a_job_that_goes_on_stays_as_it_is(shell: Shell) -> None:
    assert "has not ended" in shell("replay", shell.queued("one"), "--pay").stdout


def test_unknown(shell: Shell) -> None:
    result = shell("replay", "never-was")
    assert result.exit_code == 3
    assert complaint(result) == "Error: there is no job never-was"


NO_FILM = Failure(category=Category.UPSTREAM, code="bad", message="It made nothing of use.", charged=Charged.YES)
DOUBT = NO_FILM.model_copy(update={"code": "no_video", "charged": Charged.UNKNOWN})
SAFETY = NO_FILM.model_copy(update={"code": "safety_filter", "charged": Charged.NO})


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (NO_FILM, "clip 0 (veo-x) $0.40, after $0.40 that was charged for it before"),
        (SAFETY, "clip 0 (veo-x) $0.40"),
    ],
)
def test_a_clip_that_would_be_sent_again_is_paid_only_with_pay(shell: Shell, failure: Failure, told: str) -> None:
    failed(shell, failure)
    before = _job(shell)
    result = shell("replay", "one")
    assert result.exit_code == 2
    assert complaint(result) == f"Error: It would pay $0.40: {told}. Nothing was changed; add --pay to agree."
    assert _job(shell) == before
    result = shell("replay", "one", "--pay")
    assert (result.exit_code, result.stderr) == (0, f"It pays $0.40: {told}.\n")
    assert (_job(shell).life, _job(shell).clips[0].state) == (2, ClipState.PLANNED)
    assert json.loads(shell("replay", "one", "--pay", "--json").stdout)["state"] == "queued"


def test_every_clip_that_would_be_sent_is_counted(shell: Shell) -> None:
    failed(shell, NO_FILM, clips=3)
    assert "It would pay $1.20: " in complaint(shell("replay", "one"))


def test_a_clip_in_doubt_is_searched_for_and_not_paid(shell: Shell) -> None:
    failed(shell, DOUBT)
    assert "nothing else is paid" in shell("replay", "one").stdout
    assert _job(shell).clips[0].state is ClipState.ACCEPTED


def test_a_clip_in_doubt_that_its_caller_would_pay_twice_needs_pay_as_well(shell: Shell) -> None:
    shell.queued("one", on_unknown_submit="resubmit")
    _moved(shell, "send", "lose", "judge")
    told = complaint(shell("replay", "one"))
    assert told.startswith("Error: It would pay $0.40: clip 0 (veo-x) $0.40, which may have been charged already.")
    assert shell("replay", "one", "--pay").exit_code == 0
    assert _job(shell).clips[0].state is ClipState.UNKNOWN


def test_a_paid_clip_that_is_there_is_used(shell: Shell) -> None:
    shell.queued("one")
    _moved(shell, "send", "accept", "done", "fail")
    assert "nothing else is paid" in shell("replay", "one").stdout
    assert _job(shell).clips[0].state is ClipState.DONE


def test_a_job_that_was_never_planned_pays_what_the_model_of_the_settings_costs(shell: Shell, cancelled: str) -> None:
    veo = {"REELBUS_PROVIDER": "vertex://acme/us-central1", "REELBUS_FAST_MODELS": "veo-3.1-fast-generate-001"}
    told = complaint(shell("replay", cancelled, **veo))
    assert told.startswith("Error: It would pay $")
    assert "clip 0 (veo-3.1-fast-generate-001)" in told
    assert _job(shell).life == 1
    assert shell("replay", cancelled, "--pay", **veo).exit_code == 0


def failed(shell: Shell, failure: Failure, *, clips: int = 1) -> Job:
    shell.queued("one")
    return _moved(shell, "send", "accept", "break", failure=failure, clips=clips)


def _moved(shell: Shell, *words: str, failure: Failure = DOUBT, clips: int = 1) -> Job:
    """A worker took its message, and this is what it wrote down."""
    clip = PlannedClip(model="veo-x", seconds=4, billed_seconds=4, price_usd=Decimal("0.40"), expected_s=50)

    async def moved(desk: PublisherContext) -> Job:
        async with desk.bus.subscribe(WORKERS, limit=1) as deliveries:
            await (await anext(deliveries)).ack()
        at = desk.clock.now()
        events: dict[str, ev.Step] = {
            "send": ev.SubmitStarted(at=at, plan=Plan(clips=(clip,) * clips), owner="worker-7", nonce="m-1"),
            "lose": ev.SubmitOutcomeUnknown(at=at, nonce="m-1"),
            "judge": ev.SubmitGivenUp(at=at, failure=DOUBT),
            "accept": ev.SubmitAccepted(at=at, nonce="m-1", operation="operations/1"),
            "break": ev.ClipFailed(at=at, clip=0, failure=failure),
            "done": ev.ClipDone(at=at, clip=0, output="work/one/0/1/1/sample_0.mp4"),
            "fail": ev.Failed(at=at, failure=SAFETY),
        }
        for word in words:
            job = await update_job(desk.jobs, "one", lambda _, word=word: events[word])  # type: ignore[misc]
        return job

    return shell.with_desk(moved)


def _job(shell: Shell) -> Job:
    async def read(desk: PublisherContext) -> Job:
        job = await desk.jobs.get("one")
        assert job is not None
        return job.model_copy(update={"read_at": None})

    return shell.with_desk(read)
