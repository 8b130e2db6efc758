"""What the paid model accepted in a house, beside what the record says about it."""

from collections import Counter
from dataclasses import dataclass
from decimal import Decimal

from schemas.domain.clip import Clip
from schemas.domain.job import Job
from schemas.domain.object_names import job_prefix
from schemas.domain.states import ClipState
from schemas.wire.request import OnUnknownSubmit
from tests.vertex.script import Books


@dataclass(frozen=True)
class Bill:
    """Read once the story is over."""

    prefixes: tuple[str, ...]
    """The work prefix of each accepted submit."""
    job: Job

    @classmethod
    def of(cls, books: Books, job: Job, *, alone: bool = True) -> "Bill":
        """Addresses end in the work prefix. A job that is not alone in its house has those under its own prefix."""
        prefixes = (f"work/{it.storage_uri.partition('/work/')[2]}" for it in books.accepted)
        return cls(tuple(it for it in prefixes if alone or it.startswith(job_prefix(job.job_id))), job)

    @property
    def duplicates(self) -> int:
        """Accepted submits beyond one for each planned clip. A resubmit that the caller asked for is none."""
        per_clip = Counter(prefix.split("/")[2] for prefix in self.prefixes)
        return sum(count - 1 for count in per_clip.values()) - self._resubmitted

    @property
    def lost(self) -> int:
        """Accepted submits that the record neither uses nor watches for."""
        known = {place for clip in self.job.clips for place in (_used(clip), *clip.unresolved_prefixes) if place}
        return len(set(self.prefixes) - known)

    @property
    def wrong_cost(self) -> str | None:
        """A sentence where the record's money is not what was accepted; what it is in doubt about is not counted."""
        sure = [clip for clip in self.job.clips if _used(clip) in self.prefixes]
        cost = sum((clip.planned.price_usd for clip in sure), Decimal(0))
        if self.job.cost_usd == cost:
            return None
        return f"the record says {self.job.cost_usd} dollars, and what was accepted and used cost {cost}"

    @property
    def _resubmitted(self) -> int:
        if self.job.request.on_unknown_submit is not OnUnknownSubmit.RESUBMIT:
            return 0
        return sum(prefix in self.prefixes for clip in self.job.clips for prefix in clip.lost_prefixes)


def _used(clip: Clip) -> str | None:
    return clip.prefix if clip.state in (ClipState.ACCEPTED, ClipState.DONE) else None
