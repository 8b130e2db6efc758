"""One look at a job on its way."""

from dataclasses import dataclass

from schemas.state import JobState
from schemas.view import JobView


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Where the job stands now."""

    state: JobState
    progress: float = 0.0
    queue_position: int | None = None
    waiting_for: str | None = None
    notice: str | None = None
    """What keeps it from going on, if that is no state of the job."""
    end: JobView | None = None
    """The whole job, once it has ended."""

    @property
    def headline(self) -> str:
        """The state, and why it stays there."""
        if self.notice:
            return f"{self.state}; {self.notice}"
        if self.waiting_for:
            return f"{self.state}, waiting for {self.waiting_for.replace('_', ' ')}"
        if self.queue_position:
            return f"{self.state}, number {self.queue_position}"
        return str(self.state)


def news_of(view: JobView) -> News:
    """What a whole view tells."""
    return News(
        state=view.state,
        progress=view.progress,
        queue_position=view.queue_position,
        waiting_for=view.waiting_for,
        notice=view.notice,
        end=view if view.state.ended else None,
    )
