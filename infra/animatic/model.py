"""The local storyboard renderer as a video model: free, without an account, and through the same states as a paid one.

An operation is the name of a small file in the video store that says what to draw. So any process can continue it: a
process that polls an operation renders it, unless it renders it already or the film is stored.
"""

import asyncio
import json
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import asdict, fields
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.animatic.frame_reports import FrameReports
from infra.animatic.pool import RenderPool
from infra.animatic.storyboard import Storyboard
from schemas.domain.clip import Clip, Plan, PlannedClip
from schemas.domain.object_names import WORK, name_in_store
from schemas.errors import DISK_ERRNOS, Category, Charged, Failure, Invalid, NotFound, Unavailable, unavailable_of
from schemas.ports import Answer, Foreign, GenerationDone, GenerationFailed, GenerationRunning, VideoStore
from schemas.wire.request import VideoRequest
from schemas.wire.scene import Scene, has_visible_texts

logger = logging.getLogger(__name__)

NAME = "animatic"
FIELDS = frozenset(
    [
        "prompt",
        "duration_seconds",
        "aspect_ratio",
        "resolution",
        "style",
        "seed",
        "generate_audio",
        "reference_image",
    ]
)
"""The fields of a request that the renderer uses; it refuses the others."""
_RENDER_SHARE = {"720p": 0.5, "1080p": 1.1}
"""Approximate seconds of work for one second of film: the estimated progress if no frames are reported."""


def plan(request: VideoRequest) -> Plan:
    """Plan one free clip of the whole length. Raises `Invalid` for a request that the renderer can't make."""
    if request.resolution not in _RENDER_SHARE:
        raise Invalid(f"resolution must be 720p or 1080p for {NAME}, not {request.resolution}", field="resolution")
    if request.model not in (None, NAME):
        raise Invalid(f"model must be {NAME!r} here; no other is configured", field="model")
    request.check_used(FIELDS, NAME)
    length = request.duration_seconds
    clip = PlannedClip(
        model=NAME,
        seconds=length,
        billed_seconds=0,
        price_usd=Decimal(0),
        expected_s=1 + length * _RENDER_SHARE[request.resolution],
    )
    return Plan(clips=(clip,))


POLL_AT_MOST_S = 5.0
_REPORT_KEPT_S = 60.0
_FILM = "sample_0.mp4"
_OPERATION = "operation.json"
_NOTES_FILE = "notes.json"
_NOTES = ("visual", "project", "shot")
_DRAWN = {each.name for each in fields(Storyboard)} - {"image"}
"""The keys of an operation's file that this version draws. A later version may store more."""


class Animatic:
    """`VideoModel` over the local renderer."""

    poll_every_s = 0.0

    def __init__(
        self, videos: VideoStore, studio: RenderPool, scratch: Path, reports: FrameReports | None = None
    ) -> None:
        self._videos, self._studio, self._scratch = videos, studio, scratch
        self._reports = reports or FrameReports(scratch / "progress")
        self._rendering: dict[str, asyncio.Task[GenerationDone | GenerationFailed]] = {}
        self._suspects: set[str] = set()

    async def prepare(self) -> None:
        """Make the folder of the frame reports. The renderers are warm already."""
        await asyncio.to_thread(self._reports.prepare)

    def plan(self, request: VideoRequest) -> Plan:
        """Plan one free clip of the whole length."""
        return plan(request)

    def makes(self, model: str) -> bool:
        """Return True for the local renderer only."""
        return model == NAME

    async def submit(
        self, request: VideoRequest, clip: Clip, sources: Sequence[str], *, send_before: float, previous: str = ""
    ) -> str:
        """Store what to draw, and begin to render."""
        operation = f"{clip.prefix}{_OPERATION}"
        board = _board_of(request)
        # The release before rejects unknown keys in an operation. The notes are a file beside it.
        notes = {key: board.pop(key) for key in _NOTES}
        if any(notes.values()):
            await self._put(f"{clip.prefix}{_NOTES_FILE}", notes)
        await self._put(operation, board)
        # Before the clip is accepted: from its first moment on it shows frames, and no estimate.
        await asyncio.to_thread(self._reports.of(operation).write, 0, 1)
        self._begin(operation)
        return operation

    async def poll(self, operation: str, *, request: VideoRequest | None = None) -> Answer:
        """Wait up to `POLL_AT_MOST_S` for the film. Render it unless this process does so already."""
        if not operation.startswith(WORK) or not operation.endswith(f"/{_OPERATION}"):
            return Foreign()
        rendering = self._rendering.get(operation) or self._begin(operation)
        await asyncio.wait([rendering], timeout=POLL_AT_MOST_S)
        if not rendering.done():
            return GenerationRunning()
        self._rendering.pop(operation, None)
        try:
            ended = rendering.result()
        except BrokenProcessPool:
            if operation in self._suspects:
                return GenerationFailed(failure=_CRASHED)
            self._suspects.add(operation)
            return GenerationRunning()
        self._forget_report(operation)
        return ended

    async def recover(self, prefix: str) -> Sequence[str]:
        """Return the films under a prefix."""
        return [file.name for file in await self._videos.list(prefix) if file.name.endswith(".mp4")]

    async def discard(self, operation: str) -> None:
        """Stop the render of a film. One that runs loses its folder, and ends within a second of film."""
        if task := self._rendering.pop(operation, None):
            task.cancel()
            self._forget_report(operation)

    async def aclose(self) -> None:
        """End the renderers. The next process that polls renders the unfinished films again."""
        for task in self._rendering.values():
            task.cancel()
        await asyncio.gather(*self._rendering.values(), return_exceptions=True)
        self._studio.close()

    def _forget_report(self, operation: str) -> None:
        """Delete the report a minute later: until then the clip's record says that it is done."""
        asyncio.get_running_loop().call_later(_REPORT_KEPT_S, self._reports.of(operation).delete)

    def _begin(self, operation: str) -> asyncio.Task[GenerationDone | GenerationFailed]:
        task = self._rendering[operation] = asyncio.create_task(self._film(operation))
        return task

    async def _film(self, operation: str) -> GenerationDone | GenerationFailed:
        name = operation.removesuffix(_OPERATION) + _FILM
        if await self._videos.list(name):
            return GenerationDone(outputs=(name,))
        with self._work_folder() as folder:
            film = folder / _FILM
            try:
                await self._render(operation, await self._board(operation, folder), film)
            except (ValueError, Invalid, NotFound) as error:
                says_what = str(error).startswith("The reference image")
                failure = Failure(
                    category=Category.INVALID_REQUEST,
                    code="invalid_image",
                    message=str(error) if says_what else f"reference_image can't be used: {error}",
                    field="reference_image",
                    charged=Charged.NO,
                )
                return GenerationFailed(failure=failure)
            except (BrokenProcessPool, Unavailable):
                raise
            except Exception as error:  # a bug in the drawing fails this job, and is not retried for ever
                if isinstance(error, OSError) and error.errno in DISK_ERRNOS:
                    raise
                logger.exception("the renderer failed", extra={"action": "render_failed", "operation": operation})
                words = f"The local renderer failed ({type(error).__name__}); its log says more."
                failure = Failure(category=Category.INTERNAL, code="renderer_failed", message=words, charged=Charged.NO)
                return GenerationFailed(failure=failure)
            await self._videos.put(name, film, content_type="video/mp4")
        return GenerationDone(outputs=(name,))

    @contextmanager
    def _work_folder(self) -> Iterator[Path]:
        """A full disk is `Unavailable`, so that the worker tries again later."""
        try:
            with TemporaryDirectory(dir=self._scratch, prefix="render-", ignore_cleanup_errors=True) as folder:
                yield Path(folder)
        except OSError as error:
            raise unavailable_of("the scratch folder", error) from error

    async def _board(self, operation: str, folder: Path) -> Storyboard:
        order = json.loads(await self._read(operation, folder / "order"))
        reference = order.pop("reference")
        image = await self._read(reference, folder / "reference") if reference else None
        with suppress(NotFound):
            notes = json.loads(await self._read(operation.removesuffix(_OPERATION) + _NOTES_FILE, folder / "notes"))
            order |= {key: notes[key] for key in _NOTES if key in notes}
        return Storyboard(**{name: value for name, value in order.items() if name in _DRAWN}, image=image)

    async def _put(self, name: str, fields: dict[str, Any]) -> None:
        text = json.dumps(fields, ensure_ascii=False).encode()
        await self._videos.put(name, text, content_type="application/json")

    async def _read(self, name: str, local: Path) -> bytes:
        await self._videos.fetch(name, local)
        return await asyncio.to_thread(local.read_bytes)

    async def _render(self, operation: str, board: Storyboard, film: Path) -> None:
        """Render a film, and alone if a renderer died while it was rendered.

        A renderer that dies ends all films of its pool. Only the film that kills a pool of its own is given up.
        """
        if operation not in self._suspects:
            await self._studio.render(board, film, self._reports.of(operation))
            return
        alone = RenderPool(1)
        try:
            await alone.render(board, film, self._reports.of(operation))
        finally:
            alone.close()


def _board_of(request: VideoRequest) -> dict[str, Any]:
    """Return the storyboard of a request, with the name of its image."""
    width, height = request.frame_size
    scene = request.scene if request.scene and has_visible_texts(request.scene) else Scene(description=request.prompt)
    board = Storyboard(
        width=width,
        height=height,
        duration_seconds=request.duration_seconds,
        # Without a seed, the same request draws the same film.
        seed=request.seed if request.seed is not None else int(request.fingerprint()[:8], 16),
        title=scene.title or "",
        description=scene.description or scene.visual or "",
        visual=(scene.visual or "") if scene.description else "",
        project=request.project_id or "",
        shot=None if request.scene_index is None else request.scene_index + 1,
        script=scene.script or "",
        camera=scene.cameraFlow or "",
        music=scene.backgroundMusic or "",
        style=request.style or "",
        audio=request.generate_audio,
        image=None,
    )
    fields_ = {name: value for name, value in asdict(board).items() if name != "image"}
    return {**fields_, "reference": name_in_store(request.reference_image) or request.reference_image}


_CRASHED = Failure(
    category=Category.INTERNAL,
    code="renderer_crashed",
    message="The local renderer died over this film, twice; perhaps there is too little memory.",
    retryable=True,
    charged=Charged.NO,
)
