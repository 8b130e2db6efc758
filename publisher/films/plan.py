"""Plan a film: check its storyboard, name the jobs of its scenes, and add up what is new. Nothing is stored."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import Access
from publisher.caps import read_caps
from publisher.context import PublisherContext, films_of
from publisher.films.music import stage_music
from publisher.films.outputs import check_outputs
from publisher.films.words import check_captions, find_caption_warnings
from publisher.refusals import OverBudget, OverMaxCost, to_failure
from publisher.webhooks import check_webhook
from schemas.domain.clip import Plan
from schemas.domain.film import Film, FilmState, SceneJob, has_video, is_free_to_replay, scene_job_id
from schemas.domain.film_chain import FirstFrame, check_chain, find_chain_warnings
from schemas.domain.film_cut import Cut, cuts_of, length_s, title_ends
from schemas.domain.film_tombstone import to_gone_film
from schemas.domain.job import Job
from schemas.errors import Failure, IdReused, Invalid
from schemas.services.reference_images import ImageOwner, StagedImage, check_stored, stage_image
from schemas.wire.caller_names import to_shown_id, to_stored_id
from schemas.wire.film import FilmRequest, FilmScene, FilmTitleEnd, check_cut
from schemas.wire.request import VideoRequest
from schemas.wire.types import Usd

SceneStatus = Literal["new", "reused", "replay", "failed", "erased"]
BODY_AT_MOST = 400_000
"""The bytes of a stored storyboard: a record on Firestore holds a megabyte."""
_UNNAMED = "unnamed"


class ScenePlan(BaseModel):
    """What one scene would cost, and when the film would show it."""

    model_config = ConfigDict(frozen=True)

    name: str
    video_id: str = Field(description="The job of the scene.")
    status: SceneStatus = Field(
        description="`new` is paid for; `reused` exists; `replay` was cancelled before anything was sent; `failed` "
        "has no video, and is replayed or taken again; `erased` needs another take."
    )
    model: str
    price_usd: Usd = Field(description="What this revision adds. A scene that comes twice is paid for once.")
    duration_seconds: int
    start_s: float
    end_s: float


class FilmPlan(BaseModel):
    """What an order of this storyboard would make."""

    model_config = ConfigDict(frozen=True)

    film_id: str
    revision: int
    scenes: tuple[ScenePlan, ...]
    titles: tuple[FilmTitleEnd, ...] = ()
    price_usd: Usd = Field(description="The sum of what is new.")
    duration_seconds: float = Field(description="The length of the film. A crossfade shows two scenes at once.")
    expected_s: float = Field(
        description="How long the models usually take. Only scenes that continue wait for others."
    )
    warnings: tuple[str, ...]
    refusal: Failure | None = Field(description="Why it would not be ordered now, although the storyboard is valid.")


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedScene:
    """One scene with its job, if that exists."""

    scene: FilmScene
    staged: StagedImage
    plan: Plan
    job: Job | None
    status: SceneStatus
    price_usd: Decimal
    """What this revision adds."""

    @property
    def request(self) -> VideoRequest:
        """The request of its job, with the stored id."""
        return self.staged.request

    @property
    def due_usd(self) -> Decimal:
        """What is still to be reserved in the budgets: also for a job that has not begun."""
        has_begun = self.job is not None and (self.job.started or self.job.ended)
        return self.price_usd if self.job is None or has_begun else self.plan.price_usd

    def to_scene_job(self) -> SceneJob:
        """Build the entry of the film's record."""
        return SceneJob(
            name=self.scene.name,
            job_id=self.request.job_id,
            seconds=self.request.duration_seconds,
            price_usd=self.price_usd,
            reused=self.job is not None,
            replays_life=self.job.life if self.job and self.status == "replay" else 0,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedFilm:
    """A storyboard that was checked and priced. Nothing of it is stored."""

    film_id: str
    """The stored id."""
    request: FilmRequest
    """With its images by their names."""
    scenes: tuple[PlannedScene, ...]
    known: Film | None

    @property
    def price_usd(self) -> Decimal:
        """The sum of what is new."""
        return sum((each.price_usd for each in self.scenes), Decimal(0))

    @property
    def new_requests(self) -> tuple[VideoRequest, ...]:
        """The requests that the film puts into the queue, each once."""
        fresh = (each for each in self.scenes if each.status in ("new", "replay"))
        return tuple({each.request.job_id: each.request for each in fresh}.values())

    def to_film(self, ctx: PublisherContext, caller: str | None) -> Film:
        """Build the record at the start of this revision. It is not stored yet."""
        now, scenes = ctx.clock.now(), tuple(each.to_scene_job() for each in self.scenes)
        if self.known:
            return self.known.revise(now, self.request, scenes)
        return Film(
            film_id=self.film_id,
            caller=caller,
            request=self.request,
            scenes=scenes,
            created_at=now,
            changed_at=now,
            next_check_at=now,
        )


async def plan_film(ctx: PublisherContext, request: FilmRequest, access: Access) -> FilmPlan:
    """Return the plan of a storyboard. Raises `Invalid`, and `IdReused` as an order does."""
    async with stage_music(ctx, request, access.caller) as music:
        prepared = await prepare_film(ctx, music.request, access.caller)
    await check_outputs(ctx, request)
    if request.webhook:
        check_webhook(ctx, request.webhook)
    film = prepared.to_film(ctx, access.caller)
    cuts = cuts_of(film)
    return FilmPlan(
        film_id=request.film_id,
        revision=request.revision,
        scenes=tuple(
            ScenePlan(
                name=each.scene.name,
                video_id=to_shown_id(access.jobs_of, each.request.job_id),
                status=each.status,
                model=each.plan.clips[0].model,
                price_usd=each.price_usd,
                duration_seconds=each.request.duration_seconds,
                start_s=cut.start_s,
                end_s=cut.end_s,
            )
            for each, cut in zip(prepared.scenes, (cut for cut in cuts if not cut.is_title), strict=True)
        ),
        titles=title_ends(cuts),
        price_usd=prepared.price_usd,
        duration_seconds=length_s(cuts),
        expected_s=_time_to_make_s(prepared),
        warnings=_warnings_of(prepared, cuts),
        refusal=to_failure(await find_refusal(ctx, prepared)),
    )


def _time_to_make_s(prepared: PreparedFilm) -> float:
    """Return how long the scenes take that are not there yet. One that continues begins when the one before ends."""
    longest = ends_s = 0.0
    for each in prepared.scenes:
        begins_s = ends_s if each.scene.continue_from_previous else 0.0
        is_fresh = bool(each.price_usd) or each.status in ("new", "replay")
        ends_s = begins_s + (sum(clip.expected_s for clip in each.plan.clips) if is_fresh else 0.0)
        longest = max(longest, ends_s)
    return longest


def _warnings_of(prepared: PreparedFilm, cuts: Sequence[Cut]) -> tuple[str, ...]:
    """Return each warning of the models once, one for scenes without a video, and those of chains and captions."""
    warnings = dict.fromkeys(words for each in prepared.scenes for words in each.plan.warnings)
    failed = [each.scene.name for each in prepared.scenes if each.status == "failed"]
    words = f"these scenes have ended without a video: {', '.join(failed)}; replay their jobs, or raise their take"
    others = (*find_chain_warnings(prepared.request), *find_caption_warnings(prepared.request, cuts))
    return (*_warn_of_end(prepared), *warnings, *([words] if failed else []), *others)


def _warn_of_end(prepared: PreparedFilm) -> Iterator[str]:
    """Yield a warning if this revision has ended for good: an order of it finds that end, and makes nothing."""
    known, revision = prepared.known, prepared.request.revision
    if known and known.request.revision == revision and known.state in (FilmState.CANCELLED, FilmState.FAILED):
        yield f"revision {revision} is {known.state}, and an order of it makes nothing; raise revision to go on"


async def prepare_film(ctx: PublisherContext, request: FilmRequest, caller: str | None) -> PreparedFilm:
    """Check and price the storyboard. Raises `Invalid`, `IdReused`, `Gone` for an erased film, and `Unavailable`."""
    film_id = to_stored_id(caller, request.film_id)
    known = await films_of(ctx).get(film_id)
    if known and known.caller == caller and known.erased_at:
        raise to_gone_film(known, caller=caller)
    owner = _image_owner(ctx, caller, known if known and known.caller == caller else None)
    staged = await _stage_images(ctx, request, caller, owner)
    named = _with_image_names(request, staged)
    size_bytes = len(named.model_dump_json(exclude_defaults=True).encode())
    if size_bytes > BODY_AT_MOST:
        raise Invalid(f"the storyboard must have at most {BODY_AT_MOST:,} bytes beside its images, not {size_bytes:,}")
    check_cut(named, [each.request.duration_seconds for each in staged])
    if known and (known.caller != caller or request.revision < known.request.revision):
        raise IdReused(f"film {request.film_id} is at revision {known.request.revision} already; raise revision")
    if known and request.revision == known.request.revision and not named.is_same(known.request):
        raise IdReused(f"revision {request.revision} of film {request.film_id} is another storyboard; raise revision")
    jobs = await asyncio.gather(*(ctx.jobs.get(each.request.job_id) for each in staged))
    plans = await asyncio.to_thread(_plan_scenes, ctx, request, staged)
    scenes, paid = list[PlannedScene](), set[str]()
    for scene, image, plan, job in zip(named.scenes, staged, plans, jobs, strict=True):
        status = _status_of(image, job, caller)
        is_new = status in ("new", "replay") and image.request.job_id not in paid
        paid.add(image.request.job_id)
        price_usd = plan.price_usd if is_new else Decimal(0)
        scenes.append(PlannedScene(scene=scene, staged=image, plan=plan, job=job, status=status, price_usd=price_usd))
    prepared = PreparedFilm(film_id=film_id, request=named, scenes=tuple(scenes), known=known)
    check_captions(named, cuts_of(prepared.to_film(ctx, caller)))
    return prepared


def _plan_scenes(ctx: PublisherContext, request: FilmRequest, staged: Sequence[StagedImage]) -> list[Plan]:
    """Return the plan of each scene. Raises `Invalid`, which names the scene that no model can make."""
    plans = list[Plan]()
    for scene, each in zip(request.scenes, staged, strict=True):
        with _locate_errors(request, scene):
            plans.append(ctx.planner(each.request))
    return plans


@contextmanager
def _locate_errors(request: FilmRequest, scene: FilmScene) -> Iterator[None]:
    """Let an error about a field of a scene's request name the field of the storyboard."""
    try:
        yield
    except Invalid as error:
        raise request.locate(error, scene) from error


def _status_of(staged: StagedImage, job: Job | None, caller: str | None) -> SceneStatus:
    """Return what becomes of the scene. Raises `IdReused` for a job of another request under its name."""
    if job is None:
        return "new"
    if job.erased_at:
        return "erased"
    if not _is_for(staged, job) or job.caller != caller:
        raise IdReused(f"job_id {job.job_id} is already used by a different request")
    if not job.ended or has_video(job):
        return "reused"
    return "replay" if is_free_to_replay(job) else "failed"


def _is_for(staged: StagedImage, job: Job) -> bool:
    """Return whether the job was made for this scene. The limit of its price, which a film sets, is no part of it."""
    without_limit = job.request.model_copy(update={"max_cost_usd": None})
    return staged.is_for(job) or without_limit.fingerprint() in staged.fingerprints


def _image_owner(ctx: PublisherContext, caller: str | None, known: Film | None) -> ImageOwner | None:
    """Return the caller with the images that its film names already: the next revision may name them too."""
    if caller is None:
        return None
    images = {image for scene in known.request.scenes for image in scene.images} if known else set()
    return ImageOwner(caller, ctx.jobs, known=images)


async def _stage_images(
    ctx: PublisherContext, request: FilmRequest, caller: str | None, owner: ImageOwner | None
) -> list[StagedImage]:
    """Return the requests of the scenes, named by what they contain. Images that several scenes share are read once."""
    images, staged = dict[tuple[tuple[str, str], ...], StagedImage](), list[StagedImage]()
    check_chain(request)
    for index, scene in enumerate(request.scenes):
        # A shared image of megabytes is checked for each scene: the event loop must not wait for sixty of them.
        asked = await asyncio.to_thread(request.request_of, scene, _UNNAMED)
        given = tuple(asked.images.items())
        if given not in images:
            with _locate_errors(request, scene):
                images[given] = await stage_image(asked, ctx.videos, owner=owner)
                await check_stored(images[given], ctx.videos)
        found = images[given]
        named = asked.rename_images(dict(zip(asked.images.values(), found.request.images.values(), strict=True)))
        if scene.continue_from_previous:
            before = staged[-1].request
            frame = FirstFrame.build(before.job_id, request.scenes[index - 1], before.duration_seconds)
            named = named.model_copy(update={"reference_image": frame.reference})
        job_id = to_stored_id(caller, scene_job_id(request.film_id, named, scene.take, caller))
        staged.append(replace(found, request=named.model_copy(update={"job_id": job_id})))
    return staged


def _with_image_names(request: FilmRequest, staged: list[StagedImage]) -> FilmRequest:
    """Return the storyboard whose scenes name their images. A record holds no image.

    The first frame of a scene that continues follows from the scene before: it is not named.
    """
    scenes = []
    for scene, each in zip(request.scenes, staged, strict=True):
        named = scene.with_images_of(each.request)
        scenes.append(named.model_copy(update={"reference_image": None}) if scene.continue_from_previous else named)
    return request.model_copy(update={"scenes": tuple(scenes), "defaults": request.defaults.with_images_of(None)})


async def find_refusal(ctx: PublisherContext, prepared: PreparedFilm) -> OverMaxCost | OverBudget | None:
    """Return why the film would not be ordered: all of its new scenes must fit, or none is ordered."""
    price_usd, most = prepared.price_usd, prepared.request.max_cost_usd
    if most is not None and price_usd > most:
        words = f"What is new costs ${price_usd:.2f}, which is more than max_cost_usd (${most:.2f})"
        return OverMaxCost(words, field="max_cost_usd")
    by_job = {each.request.job_id: each.due_usd for each in reversed(prepared.scenes)}
    due_usd = sum(by_job.values(), Decimal(0))
    full = [cap for cap in await read_caps(ctx, prepared.scenes[0].request) if due_usd > cap.left_usd]
    if not full or not price_usd:
        return None
    words = (
        f"The film needs ${due_usd:.2f}, and a budget has ${min(cap.left_usd for cap in full):.2f} left; it opens "
        f"again at {max(cap.opens_again for cap in full):%Y-%m-%d} UTC. Nothing was ordered"
    )
    return OverBudget(words)
