"""The record of a film: its storyboard, the jobs of its scenes, its state and its finished file. Pure.

The job of a scene is named by what it contains, so that an unchanged scene is found again: in the next revision, after
a crash, and by every worker. The file of a film is named by its cut, so that a repeated join makes the same file.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise

from pydantic import Field, ValidationError
from pydantic_core import to_json

from schemas.domain.film_chain import FirstFrame, find_broken
from schemas.domain.job import Job
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure, NewerRecord
from schemas.versioning import Stored
from schemas.wire.film import (
    EndOfRevision,
    FilmCompletion,
    FilmFile,
    FilmRequest,
    FilmSceneEnd,
    FilmTitleEnd,
    OnSceneFailure,
    StoredFilmRequest,
)
from schemas.wire.request import VideoRequest
from schemas.wire.types import Moment, Usd

LOOK_EVERY = timedelta(seconds=2)
"""A film whose scenes are made is looked at so often. No message says that a scene has ended: each job of an
installation would pay for that, also where no film is made."""
LOOK_AT_HELD_EVERY = timedelta(seconds=60)
"""Such a film waits for a person, for days perhaps."""
CANCEL_AGAIN = timedelta(seconds=30)
"""After a cancel: a director that was killed in the fan-out at that moment may have made one more job."""
JOIN_CLAIM = timedelta(seconds=30)
"""For how long the worker that joins a film has it alone, unless it renews the claim."""
_IN_DOUBT = "scene_unresolved"
FORMER_JOBS_AT_MOST = 1000
"""The record of a film must not grow without end: a document of Firestore has 1 MiB."""
JOINS_AT_MOST = 3
"""Attempts at a join that ends with an unexpected error."""
JOIN_TRIES_AT_MOST = 5
"""Joins that are begun, one after the other, and end with their worker: it was killed, or ran out of memory."""

_ENDS_AT_MOST = 20
"""Ends that wait for a worker. If no worker runs while a film is ordered and cancelled again and again, only the newest
are announced."""
_UNTRIED = {"joins": 0, "join_tries": 0, "holds": 0}


class FilmState(StrEnum):
    """What a film waits for, or how its newest revision ended."""

    PLANNED = "planned"
    RENDERING = "rendering"
    JOINING = "joining"
    SUCCEEDED = "succeeded"
    HELD = "held"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """True if nothing goes on by itself. A held film goes on once its scenes have videos."""
        return self in (FilmState.SUCCEEDED, FilmState.HELD, FilmState.FAILED, FilmState.CANCELLED)


class SceneJob(Stored):
    """The job of one scene in the present revision."""

    name: str
    job_id: str
    """The stored id."""
    seconds: int
    price_usd: Usd
    """What this revision pays for it: 0 for a scene that exists already."""
    reused: bool = False
    replays_life: int = 0
    """The life of its job that was cancelled before anything was sent, and that this revision pays for: it is queued
    again. 0 if the revision queues nothing again: a job that is cancelled later stays so."""


class FilmResult(Stored):
    """A finished file."""

    revision: int
    gcs_path: str
    duration_seconds: float
    width: int
    height: int
    size_bytes: int
    scenes: tuple[FilmSceneEnd, ...]
    titles: tuple[FilmTitleEnd, ...] = ()
    files: tuple[FilmFile, ...] = ()
    provenance: str | None = None
    """`kept` or `dropped`: whether the file has a manifest (C2PA) as its scenes have; None if they have none."""


class Film(Stored):
    """One film. Frozen: each method returns the next version, and the store's compare-and-set saves it."""

    film_id: str
    """The stored id."""
    caller: str | None = None
    request: StoredFilmRequest
    scenes: tuple[SceneJob, ...]
    state: FilmState = FilmState.PLANNED
    created_at: Moment
    changed_at: Moment
    next_check_at: Moment | None = None
    """When a worker looks at it again, or when the claim of the worker that joins it expires."""
    dropped: tuple[str, ...] = ()
    """The names of scenes without a video: the cut leaves them out, or shows a card in their place."""
    joins: int = 0
    """Joins of this revision that ended with an unexpected error."""
    join_tries: int = 0
    """Joins of this revision that were begun, and of whose end nothing is known. Saved before a join begins."""
    holds: int = 0
    announce_due: bool = False
    """True if the end is stored, and its message may not be sent."""
    earlier_ends: tuple[EndOfRevision, ...] = ()
    """Ends whose messages may not be sent, since the film was revised or cancelled right after them."""
    result: FilmResult | None = None
    """The newest finished file; it may be of an earlier revision."""
    failure: Failure | None = None
    ended_at: Moment | None = None
    """When the present revision ended; None while it goes on."""
    former_job_ids: tuple[str, ...] = ()
    """The jobs of scenes that only earlier revisions had."""
    music_source: str | None = None
    """The address in a bucket from which the caller had the music of the present revision brought."""
    erased_at: Moment | None = None
    sweep_until: Moment | None = None
    """Of an erased film: when its files are looked for the last time. None if they are deleted."""

    stored_revision: str = Field(default="", exclude=True)
    """The store's token for this version."""

    @property
    def job_ids(self) -> tuple[str, ...]:
        """The jobs of the scenes, each once."""
        return tuple(dict.fromkeys(scene.job_id for scene in self.scenes))

    @property
    def retention_start(self) -> datetime | None:
        """When the film ended; None while it goes on, and once it is erased."""
        return (self.ended_at or self.changed_at) if self.state.ended and self.erased_at is None else None

    @property
    def requests(self) -> dict[str, VideoRequest]:
        """The requests of the scenes by the ids of their jobs. Raises `Invalid`."""
        frames, requests = self.first_frames, dict[str, VideoRequest]()
        for entry, scene in zip(self.scenes, self.request.scenes, strict=True):
            request = self.request.request_of(scene, entry.job_id)
            if frame := frames.get(entry.job_id):
                request = request.model_copy(update={"reference_image": frame.reference})
            requests[entry.job_id] = request
        return requests

    @property
    def first_frames(self) -> dict[str, FirstFrame]:
        """The first frames of the scenes that continue from the one before, by the ids of their jobs."""
        return {
            entry.job_id: FirstFrame.build(before.job_id, shown, before.seconds)
            for (before, shown), (entry, scene) in pairwise(zip(self.scenes, self.request.scenes, strict=True))
            if scene.continue_from_previous
        }

    def price_of(self, job_id: str) -> Decimal:
        """Return what this revision pays for a job: a scene that comes twice is paid for once."""
        return sum((scene.price_usd for scene in self.scenes if scene.job_id == job_id), Decimal(0))

    def may_replay(self, job: Job) -> bool:
        """Return whether this revision queues the job again: it was planned so, and not yet done."""
        planned = {scene.replays_life for scene in self.scenes if scene.job_id == job.job_id}
        return is_free_to_replay(job) and job.life in planned

    @property
    def due_ends(self) -> tuple[EndOfRevision, ...]:
        """The ends whose messages may not be sent, the earliest first."""
        if not self.announce_due:
            return self.earlier_ends
        webhook = self.request.webhook
        last = EndOfRevision(
            completion=film_completion(self),
            holds=self.holds,
            project_id=self.request.project_id,
            webhook_url=webhook.url if webhook and self.state.value in webhook.events else None,
        )
        return (*self.earlier_ends, last)[-_ENDS_AT_MOST:]

    def await_scenes(self, at: datetime) -> "Film":
        """Return the film whose jobs exist, or that is looked at again."""
        return self._change(at, state=FilmState.RENDERING, next_check_at=at + LOOK_EVERY, ended_at=None)

    def await_next_look(self, at: datetime) -> "Film":
        """Return the film that still waits."""
        return self._change(at, next_check_at=at + (LOOK_AT_HELD_EVERY if self.state is FilmState.HELD else LOOK_EVERY))

    def begin_join(self, at: datetime, dropped: Sequence[str]) -> "Film":
        """Return the film claimed by a worker that joins it."""
        update = {"state": FilmState.JOINING, "dropped": tuple(dropped), "next_check_at": at + JOIN_CLAIM}
        return self._change(at, **update, join_tries=0, ended_at=None)

    def claim_join(self, at: datetime, *, broke: bool = False) -> "Film":
        """Return the film with a new claim. A join that `broke` is counted."""
        tries = 0 if broke else self.join_tries
        return self._change(at, next_check_at=at + JOIN_CLAIM, joins=self.joins + broke, join_tries=tries)

    def try_join(self, at: datetime) -> "Film":
        """Return the film with a new claim and one more try, or failed if it has had them all."""
        if self.join_tries < JOIN_TRIES_AT_MOST:
            return self._change(at, next_check_at=at + JOIN_CLAIM, join_tries=self.join_tries + 1)
        words = (
            f"The worker that joins the scenes has ended {JOIN_TRIES_AT_MOST} times before it was done, perhaps for "
            "want of memory. The scenes are kept, and the next revision joins them again."
        )
        return self.end(at, FilmState.FAILED, join_failure("not_joined", words))

    def release_join(self, at: datetime, *, wait: timedelta) -> "Film":
        """Return the film whose join its worker gave up by itself: that is no try. The next one begins after `wait`."""
        return self._change(at, next_check_at=at + wait, join_tries=max(0, self.join_tries - 1))

    def end(self, at: datetime, state: FilmState, failure: Failure | None = None) -> "Film":
        """Return the film at an end without a file of this revision; its message is due."""
        held = state is FilmState.HELD
        update = {"state": state, "failure": failure, "announce_due": True, "next_check_at": at, "ended_at": at}
        return self._change(at, **update, holds=self.holds + held, earlier_ends=self.due_ends)

    def finish(self, at: datetime, result: FilmResult) -> "Film":
        """Return the film with its file; its message is due."""
        update = {"result": result, "failure": None, "announce_due": True, "next_check_at": at, "ended_at": at}
        return self._change(at, state=FilmState.SUCCEEDED, **update)

    def note_announced(self, at: datetime) -> "Film":
        """Return the film after its end was announced.

        A held one is looked at, since a person may replay a scene, and a cancelled one once more.
        """
        pause = {FilmState.HELD: LOOK_AT_HELD_EVERY, FilmState.CANCELLED: CANCEL_AGAIN}.get(self.state)
        return self._change(at, announce_due=False, next_check_at=pause and at + pause, earlier_ends=())

    def note_over(self, at: datetime) -> "Film":
        """Return the cancelled film that no director looks at any more."""
        return self._change(at, next_check_at=None)

    def note_earlier_announced(self, at: datetime) -> "Film":
        """Return the film after the ends before its present state were announced."""
        return self._change(at, earlier_ends=())

    def revise(self, at: datetime, request: FilmRequest, scenes: Sequence[SceneJob]) -> "Film":
        """Return the film at the start of another revision. The file of the earlier one is kept."""
        present = {scene.job_id for scene in scenes}
        former = [job_id for job_id in dict.fromkeys((*self.former_job_ids, *self.job_ids)) if job_id not in present]
        update = {"request": request, "scenes": tuple(scenes), "state": FilmState.PLANNED, "next_check_at": at}
        update |= {"former_job_ids": tuple(former[-FORMER_JOBS_AT_MOST:]), "earlier_ends": self.due_ends}
        return self._change(at, **update, dropped=(), **_UNTRIED, announce_due=False, failure=None, ended_at=None)

    def _change(self, at: datetime, **update: object) -> "Film":
        return self.model_copy(update={"changed_at": at, **update})


def scene_job_id(film_id: str, request: VideoRequest, take: int, caller: str | None) -> str:
    """Return the id of a scene's job, as its caller may name it.

    The digest covers what decides the picture: every field of the request but its id, the take, and the caller.
    """
    text = json.dumps([request.fingerprint(), take, caller])
    return f"{film_id}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def after_scenes(film: Film, jobs: Sequence[Job | None], at: datetime) -> Film:
    """Return the film after a look at the jobs of its scenes. While one has not ended, the film waits.

    A scene that continues from one without a video is not made, and has none either.
    """
    found = {job.job_id: job for job in jobs if job}
    without_video = {job_id for job_id, job in found.items() if job.ended and not has_video(job)}
    broken = find_broken(film.first_frames, found, without_video)
    if any(not found[job_id].ended if job_id in found else job_id not in broken for job_id in film.job_ids):
        return film.await_scenes(at) if film.state is FilmState.HELD else film
    failed = [scene for scene in film.scenes if scene.job_id in without_video | broken]
    in_doubt = [each.name for each in failed if each.job_id in found and found[each.job_id].has_unresolved_charges]
    names = [scene.name for scene in failed]
    policy = film.request.on_scene_failure
    may_go_on = policy in (OnSceneFailure.SKIP, OnSceneFailure.CARD) and len(failed) < len(film.scenes)
    if not failed or (may_go_on and not in_doubt):
        return film.begin_join(at, names)
    if film.state is FilmState.HELD and (in_doubt or not is_in_doubt(film)):
        return film
    if in_doubt:
        words = f"It is not known whether these scenes were charged: {', '.join(in_doubt)}. Resolve their jobs."
        return film.end(at, FilmState.HELD, _failure(_IN_DOUBT, words))
    words = f"These scenes have no video: {', '.join(names)}."
    if policy is OnSceneFailure.HOLD:
        words = f"{words} Replay their jobs, or take them again; every other scene is kept."
        return film.end(at, FilmState.HELD, _failure("scene_failed", words))
    return film.end(at, FilmState.FAILED, _failure("scene_failed", f"{words} Every other scene is kept."))


def is_in_doubt(film: Film) -> bool:
    """Return whether the film was held because it was not known whether a scene was charged."""
    return film.failure is not None and film.failure.code == _IN_DOUBT


def has_video(job: Job) -> bool:
    """Return whether the video of the job can be shown."""
    return job.state is JobState.SUCCEEDED and job.result is not None and job.erased_at is None


def is_free_to_replay(job: Job) -> bool:
    """Return whether a job ended before anything was sent, so that a film may queue it again by itself."""
    return job.state in (JobState.CANCELLED, JobState.EXPIRED) and not job.started and job.erased_at is None


def film_completion(film: Film) -> FilmCompletion:
    """Build the message body of a film that has ended."""
    result = film.result if film.state is FilmState.SUCCEEDED else None
    reused = {entry.name: entry.reused for entry in film.scenes}
    scenes = result.scenes if result else ()
    return FilmCompletion(
        film_id=film.film_id,
        revision=film.request.revision,
        state=film.state.value,
        gcs_path=result.gcs_path if result else None,
        duration_seconds=result.duration_seconds if result else None,
        price_usd=sum((entry.price_usd for entry in film.scenes), Decimal(0)),
        scenes=tuple(scene.model_copy(update={"reused": reused[scene.name]}) for scene in scenes),
        titles=result.titles if result else (),
        files=result.files if result else (),
        provenance=result.provenance if result else None,
        error=film.failure,
        erased_at=film.erased_at,
    )


def join_failure(code: str, words: str) -> Failure:
    """Build the failure of a film whose scenes can't be joined. It is free to try again."""
    return _failure(code, words, retryable=True)


def _failure(code: str, words: str, *, retryable: bool = False) -> Failure:
    return Failure(category=Category.UPSTREAM, code=code, message=words, charged=Charged.NO, retryable=retryable)


def record_of(film: Film) -> str:
    """Return the JSON text that stores keep."""
    record = film.model_dump(mode="json", exclude_defaults=True)
    return to_json({**record, "state": film.state.value, "request": film.request.body()}).decode()


def film_of_record(record: str, stored_revision: str) -> Film:
    """Read the JSON text. Raises `NewerRecord` for a shape that this program does not know."""
    try:
        film = Film.model_validate_json(record)
    except ValidationError as error:
        raise NewerRecord("a film was stored by a newer version of reelbus; this one can't read it") from error
    return film.model_copy(update={"stored_revision": stored_revision})
