"""The cases of the matrix: an order, and where which process dies over it."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

from PIL import Image

from schemas.ports import BATCH_WORKERS, FILM_WORKERS, WORKERS, Subscription
from tests.vertex.rig import OMNI, VEO_FAST
from tests.vertex.script import Step

HERE = Path(__file__).parent
COURIER = "courier"
"""A worker again, killed at the steps of its courier alone: those of its other loops are the side `worker`'s."""
DIRECTOR = "director"
"""A worker that does nothing but direct films. Another process, `MAKER`, makes the videos of the scenes: at what step a
job is when the director is killed would be chance otherwise."""
MAKER = "maker"
"""A worker without a director."""
GROUNDS = ("embedded", "emulators")
ORDERS = ("extension", "image")
LISTS = (
    *((side, order) for side in ("worker", "facade") for order in ORDERS),
    (COURIER, "webhook"),
    (DIRECTOR, "film"),
)
"""The sides and the orders whose steps are written down."""
HELD = "the submit is accepted, its answer is on its way"
"""Not a point of the process: the harness kills it from outside when the model has accepted."""


def _picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (64, 36), (40, 110, 70)).save(file, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


ASKED: Mapping[str, Mapping[str, Any]] = {
    "extension": {"model": VEO_FAST, "duration_seconds": 11},
    "image": {"model": OMNI, "duration_seconds": 3, "reference_image": _picture(), "priority": "batch"},
    "veo": {"model": VEO_FAST, "duration_seconds": 4},
    "omni": {"model": OMNI, "duration_seconds": 3},
    "webhook": {"model": VEO_FAST, "duration_seconds": 4},
    "film": {"model": VEO_FAST, "duration_seconds": 4},
}
"""Lengths that the models make exactly, so that no time goes into encoding. Each lane has an order. `film` is
what its scenes have in common."""
SCRIPTS: Mapping[str, tuple[Step, ...]] = {"film": (Step(shrink=8), Step(shrink=8))}
"""What the model does to the submits of an order, unless the case says so. Small scenes are joined at once."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One house of the matrix."""

    ground: str
    side: str
    order: str
    point: str
    name: str = ""
    steps: tuple[Step, ...] = ()
    """What the model does to the first submits."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Asked for beside the order."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Of the processes, beside the house's own."""

    @property
    def id(self) -> str:
        """How the test is called."""
        return f"{self.side}-{self.ground}-{self.order}-{self.name or self.point}".replace(" ", "_")

    @property
    def asked(self) -> dict[str, Any]:
        """The request without its id."""
        return {"prompt": "A harbour at dawn, gulls", **ASKED[self.order], **self.fields}

    @property
    def lane(self) -> Subscription:
        """The subscription by which the workers receive the request, or the directors the film."""
        if self.side == DIRECTOR:
            return FILM_WORKERS
        return BATCH_WORKERS if self.asked.get("priority") == "batch" else WORKERS


def points_file(side: str, ground: str, order: str) -> Path:
    """The steps of one order at one process, as a healthy run wrote them down."""
    return HERE / f"points_{side}_{ground}_{order}.txt"


def matrix() -> list[Case]:
    """A case for every step that was written down."""
    return [
        Case(ground=ground, side=side, order=order, point=point)
        for side, order in LISTS
        for ground in GROUNDS
        for point in _to_kill_at(side, ground, order)
    ]


def written_down(side: str, ground: str, order: str) -> list[str]:
    """The points of a list; none where there is no such list yet."""
    file = points_file(side, ground, order)
    return file.read_text().splitlines() if file.exists() else []


_WRITES = ("films.save", "bus.publish", "videos.put", "deliveries.create")
"""A director on the emulators is killed at these alone: what it does between them depends on no ground."""


def _to_kill_at(side: str, ground: str, order: str) -> list[str]:
    """Every point but those that are another one: the start is the same for all orders. On the emulators, where a case
    takes long, and of a director, which reads only between them, an end of one step is the beginning of the next."""
    points = written_down(side, ground, order)
    first = written_down(side, ground, ORDERS[0]) if order != ORDERS[0] else []
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(points, first, strict=False)))
    fresh = points[same:]
    if ground == "embedded" and side != DIRECTOR:
        return fresh
    following = [*fresh[1:], ""]
    return [
        point
        for point, after in zip(fresh, following, strict=True)
        if not (point.startswith("after") and after.startswith("before"))
        and (ground == "embedded" or side != DIRECTOR or point.split()[1] in _WRITES)
    ]


_ACCEPTED_IN_SILENCE = Step(hang=True, accept=True)
_ACCEPTED_AND_NOTHING_COMES = Step(hang=True, accept=True, ending="never")
_RESUBMIT = {"on_unknown_submit": "resubmit"}
_FIRST_SEND = "before model.submit clip 0 #1"


def windows(ground: str) -> list[Case]:
    """The window between a send and its being written down, looked at closely."""
    found = [
        Case(
            ground=ground,
            side="worker",
            order=family,
            point=HELD,
            name=name,
            steps=(step,),
            fields=fields,
        )
        for family in ("veo", "omni")
        for name, step, fields in (
            ("accepted in silence", _ACCEPTED_IN_SILENCE, {}),
            ("accepted in silence, resubmit", _ACCEPTED_IN_SILENCE, _RESUBMIT),
            ("nothing comes", _ACCEPTED_AND_NOTHING_COMES, {}),
            ("nothing comes, resubmit", _ACCEPTED_AND_NOTHING_COMES, _RESUBMIT),
        )
    ]
    unsent = Case(
        ground=ground, side="worker", order="veo", point=_FIRST_SEND, name="never sent, resubmit", fields=_RESUBMIT
    )
    busy = Step(status=429, message="Quota exceeded.")
    refused = (
        Case(ground=ground, side="worker", order="omni", point=point, name=f"refused, {point}", steps=(busy,))
        for point in (
            "before jobs.save submitting→queued #1",
            "after jobs.save submitting→queued #1",
            "before jobs.save queued→submitting #2",
        )
    )
    return [*found, unsent, *refused]


def checks() -> list[Case]:
    """The look at a finished video, which the other cases leave out: it needs a process of its own."""
    points = (
        "before checker.measure #1",
        "after checker.measure #1",
        "before videos.put checks #1",
        "after videos.put checks #1",
        "before videos.fetch checks #1",
    )
    return [
        Case(ground="embedded", side="worker", order="omni", point=point, settings={"CHECKS": "beside"})
        for point in points
    ]
