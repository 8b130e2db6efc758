"""A bus that does everything that a bus may do: twice, in any order, again after an ack that got lost."""

from dataclasses import dataclass, field

from schemas.ports import REQUESTS
from schemas.wire.completion import Completion
from schemas.wire.message import Message, decode_completion


@dataclass(eq=False)
class Letter:
    """One message of the request topic."""

    message: Message
    deliveries: int = 0
    held_by: str | None = None


@dataclass
class Post:
    """What lies on the topics. Delivering is the machine's business."""

    letters: list[Letter] = field(default_factory=list)
    completions: list[Completion] = field(default_factory=list)
    buried: list[str] = field(default_factory=list)

    sees_waiting: bool = False

    async def publish(self, topic: str, message: Message) -> None:
        if topic == REQUESTS:
            self.letters.append(Letter(message))
        else:
            self.completions.append(decode_completion(message))

    def free(self) -> list[Letter]:
        """What nobody holds."""
        return [letter for letter in self.letters if letter.held_by is None]

    def lose_leases(self, actor: str) -> None:
        """Its messages are delivered to others, whether it lives or not."""
        for letter in self.letters:
            if letter.held_by == actor:
                letter.held_by = None


@dataclass
class Handed:
    """`Delivery`: one letter in the hands of one worker. Settling after the lease was lost does nothing."""

    post: Post
    letter: Letter
    actor: str
    attempt: int

    @property
    def message(self) -> Message:
        return self.letter.message

    async def ack(self) -> None:
        if self._mine():
            self.post.letters.remove(self.letter)

    async def nack(self, *, delay_s: float = 0) -> None:
        if self._mine():
            self.letter.held_by = None

    async def bury(self, cause: str) -> None:
        if self._mine():
            self.post.letters.remove(self.letter)
            self.post.buried.append(cause)

    def _mine(self) -> bool:
        return (
            self.letter in self.post.letters
            and self.letter.held_by == self.actor
            and (self.letter.deliveries == self.attempt)
        )
