"""`resolve`: the evidence, and a person's word."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest

from publisher.context import PublisherContext
from schemas.domain import events as ev
from schemas.domain.clip import Plan, PlannedClip
from schemas.domain.job import Job
from schemas.domain.states import ClipState, JobState
from schemas.errors import Category, Charged, Failure
from schemas.ports import COMPLETIONS, WORKERS, Subscription
from schemas.services.update import update_job
from schemas.wire.message import decode_command, decode_completion
from tests.cli.commands import Shell, complaint

PREFIX = "work/one/0/1/"
FILM = f"{PREFIX}1575493371/sample_0.mp4"
LISTENER = Subscription(name="listener", topic=COMPLETIONS)
UNKNOWN = Failure(category=Category.UPSTREAM, code="submit_unknown", message="Nobody knows.", charged=Charged.UNKNOWN)


def doubtful(shell: Shell, *more: str, ago_s: float = 600) -> str:
    """A job whose only clip was sent a while ago, and whose answer was lost; then, perhaps, judged."""

    async def doubted(desk: PublisherContext) -> None:
        await desk.bus.ensure(LISTENER)
        await _take(desk)
        at = desk.clock.now() - timedelta(seconds=ago_s)
        clip = PlannedClip(model="veo-x", seconds=4, billed_seconds=4, price_usd=Decimal("0.40"), expected_s=50)
        events: dict[str, ev.Step] = {
            "send": ev.SubmitStarted(at=at, plan=Plan(clips=(clip,)), owner="worker-7", nonce="n0nce"),
            "lose": ev.SubmitOutcomeUnknown(at=at, nonce="n0nce"),
            "accept": ev.SubmitAccepted(at=at, nonce="n0nce", operation="operations/1"),
            "judge": ev.SubmitGivenUp(at=at, failure=UNKNOWN),
            "break": ev.ClipFailed(at=at, clip=0, failure=UNKNOWN.model_copy(update={"code": "generation_lost"})),
            "wish": ev.CancelRequested(at=at),
        }
        for word in ("send", *more):
            await update_job(desk.jobs, "one", lambda _, word=word: events[word])  # type: ignore[misc]

    shell.queued("one")
    shell.with_desk(doubted)
    return "one"


async def _take(desk: PublisherContext) -> str:
    """The job of the next request on the bus."""
    async with desk.bus.subscribe(WORKERS, limit=1) as deliveries:
        delivery = await anext(deliveries)
        await delivery.ack()
    return decode_command(delivery.message).job_id


async def _hear(desk: PublisherContext) -> str:
    """The end that is announced next."""
    async with desk.bus.subscribe(LISTENER, limit=1) as deliveries:
        delivery = await anext(deliveries)
        await delivery.ack()
    return decode_completion(delivery.message).event_id


async def _land(desk: PublisherContext) -> None:
    await desk.videos.put(FILM, b"film", content_type="video/mp4")


def _job(shell: Shell) -> Job:
    async def read(desk: PublisherContext) -> Job:
        job = await desk.jobs.get("one")
        assert job
        return job

    return shell.with_desk(read)


def test_the_evidence_is_printed_with_what_each_word_would_do_and_nothing_changes(shell: Shell) -> None:
    doubtful(shell, "lose")
    before = _job(shell)
    told = shell("resolve", "one").stdout
    for fact in ("veo-x, $0.40", "by worker-7", "n0nce", f"{PREFIX} holds nothing", "submit_unknown", "the job fails"):
        assert fact in told
    assert _job(shell).revision == before.revision


def test_the_evidence_for_scripts(shell: Shell) -> None:
    doubtful(shell, "accept", "break")
    shell.with_desk(_land)
    known = json.loads(shell("resolve", "one", "--json").stdout)
    [doubt] = known["doubts"]
    assert (known["state"], known["charged"], doubt["operation"]) == ("failed", "unknown", "operations/1")
    assert doubt["present"] == {"prefix": PREFIX, "files": [FILM]}
    assert doubt["cause"].startswith("generation_lost: ")
    assert "it will be used" in shell("resolve", "one").stdout


def test_charged_ends_a_live_job_and_everybody_hears_it(shell: Shell) -> None:
    doubtful(shell, "lose")
    result = shell("resolve", "one", "--charged")
    assert result.stdout == "one is failed, charged: yes, $0.40\n"
    assert shell.with_desk(_hear) == "one.1.failed"
    assert not _job(shell).completion_due


def test_not_charged_lets_a_live_job_go_on(shell: Shell) -> None:
    doubtful(shell, "lose")
    assert shell("resolve", "one", "--not-charged").stdout == "one is queued, charged: no, $0.00\n"
    assert (_job(shell).clips[0].state, _job(shell).clips[0].lost_prefixes) == (ClipState.PLANNED, ())


def test_resubmit_sends_a_live_clip_again_and_keeps_an_eye_on_the_first(shell: Shell) -> None:
    doubtful(shell, "lose")
    assert shell("resolve", "one", "--resubmit").stdout == "one is queued, charged: unknown, $0.00\n"
    assert _job(shell).clips[0].lost_prefixes == (PREFIX,)


@pytest.mark.parametrize("word", ["--charged", "--not-charged", "--resubmit"])
def test_a_cancel_that_waited_ends_the_job_and_everybody_hears_it(shell: Shell, word: str) -> None:
    doubtful(shell, "lose", "wish")
    assert shell("resolve", "one", word).stdout.startswith("one is cancelled")
    assert shell.with_desk(_hear) == "one.1.cancelled"


@pytest.mark.parametrize(("word", "charged"), [("--charged", "yes"), ("--not-charged", "no")])
@pytest.mark.parametrize("end", [("lose", "judge"), ("accept", "break")])
def test_an_ended_job_only_gets_its_record_right(shell: Shell, end: tuple[str, ...], word: str, charged: str) -> None:
    doubtful(shell, *end)
    done = json.loads(shell("resolve", "one", word, "--json").stdout)
    assert (done["state"], done["life"], done["charged"], done["adopted"]) == ("failed", 1, charged, None)
    failure = _job(shell).failure
    assert failure
    assert failure.charged == charged
    assert shell("resolve", "one", word).exit_code == 2


def test_resubmit_of_an_ended_job_is_its_next_life_with_the_request_on_the_bus(shell: Shell) -> None:
    doubtful(shell, "lose", "judge")
    done = json.loads(shell("resolve", "one", "--resubmit", "--json").stdout)
    assert (done["state"], done["life"], done["charged"]) == ("queued", 2, "unknown")
    assert shell.with_desk(_take) == "one"
    assert _job(shell).clips[0].state is ClipState.PLANNED


@pytest.mark.parametrize("word", ["--charged", "--not-charged", "--resubmit"])
def test_a_film_that_lies_there_is_used_instead_of_any_word(shell: Shell, word: str) -> None:
    doubtful(shell, "lose")
    shell.with_desk(_land)
    result = shell("resolve", "one", word)
    assert result.stdout == f"one is storing, charged: yes, $0.40; {FILM} is stored, and the job continues with it\n"
    assert _job(shell).clips[0].output == FILM


def test_a_film_that_lies_there_after_the_end_makes_the_replay_free(shell: Shell) -> None:
    doubtful(shell, "lose", "judge")
    shell.with_desk(_land)
    assert "`reelbus replay` makes the video from it for free" in shell("resolve", "one", "--not-charged").stdout
    assert (_job(shell).clips[0].state, _job(shell).cost_usd) == (ClipState.LATE, Decimal("0.40"))
    shell("replay", "one")
    assert (_job(shell).state, _job(shell).clips[0].output) == (JobState.STORING, FILM)


@pytest.mark.parametrize(
    ("more", "ago_s", "words"),
    [
        (("lose",), 20, "may still be answered; wait until 90 s have passed"),
        ((), 20, "may still be answered; wait until 90 s have passed"),
        ((), 600, "is being submitted, and no worker has checked it since"),
        (("accept",), 600, "no clip of job one is in doubt (generating, charged: yes)"),
    ],
)
def test_what_is_not_in_doubt_or_too_young_is_refused(
    shell: Shell, more: tuple[str, ...], ago_s: float, words: str
) -> None:
    doubtful(shell, *more, ago_s=ago_s)
    before = _job(shell)
    for arguments in ((), ("--charged",), ("--resubmit",)):
        result = shell("resolve", "one", *arguments)
        assert result.exit_code == 2
        assert words in complaint(result)
    assert _job(shell).revision == before.revision


def test_only_one_word_and_only_a_clip_that_is_in_doubt(shell: Shell) -> None:
    doubtful(shell, "lose")
    assert "only one of --charged" in complaint(shell("resolve", "one", "--charged", "--resubmit"))
    assert "clip 3 of job one is not in doubt; 0 is" in complaint(shell("resolve", "one", "--charged", "--clip", "3"))
    assert shell("resolve", "one", "--charged", "--clip", "0").exit_code == 0


def test_unknown(shell: Shell) -> None:
    result = shell("resolve", "never-was", "--charged")
    assert result.exit_code == 3
    assert complaint(result) == "Error: there is no job never-was"
