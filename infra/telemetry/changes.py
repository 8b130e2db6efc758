"""The metrics that are counted from the records that were stored."""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from infra.telemetry.ledger import Totals, increments_of, totals_of
from infra.telemetry.meters import Meters
from infra.telemetry.spans import Attributes
from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.domain.states import ClipState

KNOWN_AT_MOST = 20_000
"""Jobs whose last version is remembered. A version that is not remembered is read again before it is replaced."""
DOUBTS_AT_MOST = 1_000
"""Jobs with writes whose answers were lost. The oldest are forgotten, uncounted."""


class _Doubt(NamedTuple):
    """A write of which it is not known whether it was stored."""

    before: Totals
    written: Job
    """With the revision of the version that it replaces."""


class StoredChanges:
    """Counts each stored change once, in the process whose write was stored.

    A process that is killed loses what it counted since its last export; `reelbus spend` reads the records themselves.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._known: OrderedDict[str, tuple[str, Totals]] = OrderedDict()
        """The last version of each job that this process read or wrote: its revision and its totals."""
        self._doubtful: OrderedDict[str, tuple[_Doubt, ...]] = OrderedDict()
        """Writes whose answers were lost, by job."""
        self._held: Counter[str] = Counter()
        self._in_flight: dict[str, tuple[str, str]] = {}
        self._told: set[tuple[str, str]] = set()

    def note(self, job: Job) -> None:
        """Remember a version that was read. If it shows that a write whose answer was lost was stored, count that."""
        if doubtful := self._doubtful.pop(job.job_id, ()):
            if job.revision == doubtful[0].written.revision:  # it may still be on its way
                self._doubtful[job.job_id] = doubtful
            elif stored := next((doubt for doubt in doubtful if _comes_from(job, doubt)), None):
                self._count(stored.before, stored.written, totals_of(stored.written))
        self._remember(job, self.before(job) or totals_of(job))

    def before(self, job: Job) -> Totals | None:
        """Return the totals of the stored version with this job's revision; None if it is not remembered."""
        revision, totals = self._known.get(job.job_id, ("", None))
        return totals if revision == job.revision else None

    def count(self, before: Totals, job: Job) -> None:
        """Count a version that this process has stored. Of the same version no other write of it was."""
        self._doubtful.pop(job.job_id, None)
        totals = totals_of(job)
        self._count(before, job, totals)
        self._remember(job, totals)

    def doubt(self, before: Totals, job: Job) -> None:
        """Remember a write whose answer was lost."""
        self._doubtful[job.job_id] = (*self._doubtful.pop(job.job_id, ()), _Doubt(before, job))
        if len(self._doubtful) > DOUBTS_AT_MOST:
            self._doubtful.popitem(last=False)

    @property
    def doubtful(self) -> Sequence[str]:
        """The jobs with such writes."""
        return tuple(self._doubtful)

    def hold(self, job_id: str) -> None:
        """Note that this worker holds a message of the job."""
        self._held[job_id] += 1

    def release(self, job_id: str) -> None:
        """Note that the message is settled."""
        self._held[job_id] -= 1
        if self._held[job_id] <= 0:
            del self._held[job_id]
            self._in_flight.pop(job_id, None)

    def jobs_in_flight(self) -> Iterable[tuple[float, Attributes]]:
        """Return how many jobs this worker holds, by state and what they wait for.

        What was there once is told as zero from then on: a reader would keep its last value otherwise.
        """
        counts = Counter(tuple(self._in_flight.values()))
        self._told.update(counts)
        for state, waiting_for in sorted(self._told):
            count = counts[state, waiting_for]
            yield count, {"reelbus.job.state": state, "reelbus.waiting_for": waiting_for}

    def _remember(self, job: Job, totals: Totals) -> None:
        self._known[job.job_id] = job.revision, totals
        self._known.move_to_end(job.job_id)
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
        if job.job_id in self._held and not job.ended:
            self._in_flight[job.job_id] = str(job.state), job.waiting_for or ""
        else:
            self._in_flight.pop(job.job_id, None)

    def _count(self, before: Totals, job: Job, after: Totals) -> None:
        for increment in increments_of(before, job, after):
            self._meters.add(*increment)


def _comes_from(newest: Job, doubt: _Doubt) -> bool:
    """Return True if the record is the written one, or a later version of it.

    A write that gave the job another state is known by its moment. Any other is known by what it gave to a clip.
    """
    written = doubt.written
    if newest.life < written.life or written.history[-1] not in newest.history:
        return False
    if doubt.before.entered_at != written.history[-1].at or newest.life > written.life:
        return True
    if newest.clip_in(ClipState.UNKNOWN) and _is_checked_later(newest, written):
        return False  # another worker found later that the outcome of the same submit is unknown
    shows = _shows_decisions if written.ended else _shows_progress
    return len(newest.clips) == len(written.clips) and all(map(shows, newest.clips, written.clips))


def _is_checked_later(newest: Job, written: Job) -> bool:
    if newest.history != written.history or newest.checks != written.checks:
        return False
    return bool(newest.next_check_at and written.next_check_at and newest.next_check_at > written.next_check_at)


def _shows_progress(newest: Clip, written: Clip) -> bool:
    """Return True if a clip of a running job has what it was given."""
    is_being_sent = (newest.state, newest.nonce) == (ClipState.SUBMITTING, written.nonce)
    return (
        {*newest.late, newest.operation, newest.output}.issuperset(written.late)
        and written.done_at in (None, newest.done_at)
        and (written.state is ClipState.SUBMITTING or not is_being_sent)
    )


def _shows_decisions(newest: Clip, written: Clip) -> bool:
    """Return True if a clip of an ended job has the late operations and the decisions of a person that it was given."""
    is_refused = newest.state is written.state is ClipState.REFUSED
    return (
        {*newest.late, newest.operation, newest.output}.issuperset(written.late)
        and {*written.lost_prefixes, written.prefix}.issuperset(newest.lost_prefixes)
        and not (is_refused and newest.cause != written.cause)
    )
