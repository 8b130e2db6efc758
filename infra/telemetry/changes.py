"""The metrics that are counted from the records that were stored."""

from collections import Counter, OrderedDict
from collections.abc import Iterable

from infra.telemetry.catalogue import METRICS
from infra.telemetry.ledger import Totals, increments_of, totals_of
from infra.telemetry.meters import Meters
from infra.telemetry.spans import Attributes
from schemas.domain.job import Job, record_of

KNOWN_AT_MOST = 20_000
"""Jobs whose last version is remembered. A version that is not remembered is read again before it is replaced."""


class StoredChanges:
    """Counts each stored change once, in the process whose write was stored.

    A process that is killed loses what it counted since its last export; `reelbus spend` reads the records themselves.
    """

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._known: OrderedDict[str, tuple[str, Totals]] = OrderedDict()
        """The last version of each job that this process read or wrote: its revision and its totals."""
        self._doubtful: dict[str, tuple[Totals, str]] = {}
        """Writes of which it is not known whether they were stored: the totals before them, and the record."""
        self._held: Counter[str] = Counter()
        self._in_flight: dict[str, tuple[str, str]] = {}
        self._told: set[tuple[str, str]] = set()

    def note(self, job: Job) -> None:
        """Remember a version that was read. Count it if it is a write of this process whose answer was lost."""
        doubtful = self._doubtful.pop(job.job_id, None)
        totals = totals_of(job)
        if doubtful and doubtful[1] == record_of(job):
            self._count(doubtful[0], job, totals)
        self._remember(job, totals)

    def before(self, job: Job) -> Totals | None:
        """Return the totals of the stored version that a write of this job replaces; None if it is not remembered."""
        revision, totals = self._known.get(job.job_id, ("", None))
        return totals if revision == job.revision else None

    def count(self, before: Totals, job: Job) -> None:
        """Count a version that this process has stored."""
        self._doubtful.pop(job.job_id, None)
        totals = totals_of(job)
        self._count(before, job, totals)
        self._remember(job, totals)

    def doubt(self, before: Totals, job: Job) -> None:
        """Remember a write whose answer was lost."""
        self._doubtful[job.job_id] = before, record_of(job)

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
        for name, amount, attributes in increments_of(before, job, after):
            if METRICS[name].kind == "histogram":
                self._meters.record(name, amount, attributes)
            else:
                self._meters.add(name, amount, attributes)
