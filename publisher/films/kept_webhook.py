"""A storyboard that is shown to people has no webhook: its address may hold a token. The next revision keeps it."""

from publisher.access import Access
from publisher.context import PublisherContext, films_of
from schemas.wire.caller_names import to_stored_id
from schemas.wire.film import FilmRequest


async def keep_webhook(ctx: PublisherContext, request: FilmRequest, access: Access) -> FilmRequest:
    """Return the storyboard with the webhook of the caller's film of that id, unless it has one of its own."""
    if request.webhook is not None:
        return request
    film = await films_of(ctx).get(to_stored_id(access.caller, request.film_id))
    if film is None or film.caller != access.caller:
        return request
    return request.model_copy(update={"webhook": film.request.webhook})
