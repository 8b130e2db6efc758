"""Says that an id, which no job has, is that of a film: people give the name of a film to the commands on jobs."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schemas.errors import NotFound, ReelbusError
from schemas.wire.film import FILM_ID_PATTERN


@asynccontextmanager
async def hint_at_film(given: str, url: str | None) -> AsyncIterator[None]:
    """Let a `NotFound` for that id say so if a film has it."""
    try:
        yield
    except NotFound as error:
        if not re.fullmatch(FILM_ID_PATTERN, given) or not await _is_film(given, url):
            raise
        words = f"{error}, but a film has this id: `reelbus film` makes it, a facade cancels it (docs/film.md)"
        raise NotFound(words) from error


async def _is_film(given: str, url: str | None) -> bool:
    from publisher.cli.film import open_films  # a start of the other commands must not wait for its imports

    try:
        async with open_films(url, works=False) as films:
            await films.status(given)
    except ReelbusError:
        return False
    return True
