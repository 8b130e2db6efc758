"""List films, the newest first, without their scenes: a page of them must not read the jobs of each scene."""

import asyncio
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from publisher.access import Access
from publisher.context import PublisherContext, films_of
from publisher.films.view import is_stale
from publisher.paging import check_limit
from schemas.domain.film import Film, FilmState
from schemas.errors import Failure, Invalid
from schemas.ports import FilmQuery
from schemas.wire.caller_names import to_shown_id
from schemas.wire.types import Moment, Usd
from schemas.wire.validation import add_length

_CHARACTERS_AT_MOST = {"project_id": 128, "films_of": 320}


class FilmOutline(BaseModel):
    """A film in a list: what is known without its scenes' jobs."""

    model_config = ConfigDict(frozen=True)

    film_id: str
    revision: int
    state: FilmState
    project_id: str | None
    scenes: int = Field(description="How many scenes its storyboard has.")
    price_usd: Usd = Field(description="What this revision adds.")
    created_at: Moment
    changed_at: Moment
    gcs_path: str | None = Field(description="The newest finished file.")
    video_url: str | None
    is_stale: bool = Field(description="The file is of an earlier revision.")
    duration_seconds: float | None = Field(description="The length of the newest finished file.")
    error: Failure | None
    erased_at: Moment | None = Field(description="When the film was erased with its words and files.")
    caller: str | None


class FilmListing(BaseModel):
    """One page of films."""

    model_config = ConfigDict(frozen=True)

    films: list[FilmOutline]
    next_cursor: str | None = Field(default=None, description="The `cursor` of the next page; null on the last page.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FilmFilter:
    """Which films to list, and which page of them. All conditions hold together."""

    state: str | None = None
    project_id: str | None = None
    films_of: str | None = None
    """Only films of this caller; only an operator can ask for it."""
    limit: int = 50
    cursor: str | None = None


async def list_films(ctx: PublisherContext, wanted: FilmFilter, access: Access) -> FilmListing:
    """Return a page of the films that match and that this caller may see.

    Raises `Invalid` for a bad condition, cursor or limit, and `NotFound` in a deployment without films.
    """
    page = await films_of(ctx).list(_query_of(wanted, access))
    films = await asyncio.gather(*(_outline(ctx, film, access) for film in page.films))
    return FilmListing(films=films, next_cursor=page.cursor)


async def list_troubled(ctx: PublisherContext, *, limit: int) -> tuple[list[FilmOutline], bool]:
    """Return the newest films that wait for a person, then the newest that failed: at most `limit` of each.

    An operator sees them, by their stored ids. True if there are more than these. Erased films are left out.
    """
    if ctx.films is None:
        return [], False
    access, more = Access(), False
    found = list[FilmOutline]()
    for state in (FilmState.HELD, FilmState.FAILED):
        listing = await list_films(ctx, FilmFilter(state=state, limit=limit), access)
        found += [film for film in listing.films if film.erased_at is None]
        more = more or listing.next_cursor is not None
    return found, more


def _query_of(wanted: FilmFilter, access: Access) -> FilmQuery:
    check_limit(wanted.limit)
    for name, most in _CHARACTERS_AT_MOST.items():
        given = getattr(wanted, name)
        if given is not None and (not 1 <= len(given) <= most or not given.isprintable()):
            shown = "caller" if name == "films_of" else name
            words = add_length(f"must have 1 to {most} characters that can be printed", given)
            raise Invalid(f"{shown} {words}", field=shown)
    try:
        state = None if wanted.state is None else FilmState(wanted.state)
    except ValueError:
        raise Invalid(f"state must be one of {', '.join(FilmState)}", field="state") from None
    return FilmQuery(
        state=state,
        project_id=wanted.project_id,
        caller=access.jobs_of or wanted.films_of,
        limit=wanted.limit,
        cursor=wanted.cursor,
    )


async def _outline(ctx: PublisherContext, film: Film, access: Access) -> FilmOutline:
    result = film.result
    return FilmOutline(
        film_id=to_shown_id(access.jobs_of, film.film_id),
        revision=film.request.revision,
        state=film.state,
        project_id=film.request.project_id,
        scenes=len(film.scenes),
        price_usd=sum(entry.price_usd for entry in film.scenes),
        created_at=film.created_at,
        changed_at=film.changed_at,
        gcs_path=result.gcs_path if result and not film.erased_at else None,
        video_url=await ctx.videos.url_for(result.gcs_path) if result and not film.erased_at else None,
        is_stale=is_stale(film),
        duration_seconds=result.duration_seconds if result else None,
        error=film.failure,
        erased_at=film.erased_at,
        caller=film.caller,
    )
