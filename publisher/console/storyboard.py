"""The page New film: a storyboard that is pasted or uploaded, then its price scene by scene, then the order.

The form names the price that the visitor saw. If what is new costs more by then, nothing is ordered, and the page shows
the new price. The same storyboard sent twice is the same film.
"""

import asyncio
import json
from dataclasses import dataclass

from starlette.responses import RedirectResponse, Response

from publisher.access import Access
from publisher.console.forms import FIELD_BYTES_AT_MOST, Form, amount_of, open_form
from publisher.console.rendering import console_of, render
from publisher.context import PublisherContext
from publisher.facade.call import Call
from publisher.facade.films import parse_film
from publisher.facade.middleware import access_of
from publisher.films.kept_webhook import keep_webhook
from publisher.films.orders import find_film, order_film
from publisher.films.plan import FilmPlan, plan_film
from publisher.refusals import OverBudget, OverMaxCost
from schemas.domain.film_tombstone import to_gone_film
from schemas.errors import Conflict, Gone, Invalid
from schemas.wire.caller_names import to_shown_id
from schemas.wire.film import FilmRequest

EXAMPLE = """{
  "film_id": "spring",
  "defaults": {"duration_seconds": 4, "quality": "fast"},
  "scenes": [
    {"name": "opening", "prompt": "A garden in the morning light"},
    {"name": "end", "prompt": "A quiet blue wall, evening", "transition": {"kind": "crossfade", "seconds": 0.5}}
  ]
}
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """What the form asks for, as far as it can be read."""

    text: str
    """The storyboard; empty if it is too large for the field."""
    request: FilmRequest | None = None
    plan: FilmPlan | None = None
    problem: str = ""
    notice: str = ""

    @property
    def may_be_sent(self) -> bool:
        """True if the storyboard is valid, and would be ordered."""
        return self.plan is not None and self.plan.refusal is None


async def show_form(call: Call) -> Response:
    """Show the form: with an example, or with the next revision of the film that `like` names. Raises `NotFound`."""
    access = access_of(call)
    access.check("submit")
    text = EXAMPLE
    if like := call.query_params.get("like"):
        film = await find_film(call.state["ctx"], like, access)
        if film.erased_at:
            raise to_gone_film(film, caller=access.jobs_of)
        body = film.request.body() | {"revision": film.request.revision + 1}
        body.pop("max_cost_usd", None)  # it was agreed to for what was new in the revision before
        body.pop("webhook", None)  # its address may hold a token; the order keeps it
        text = json.dumps(body, indent=2, ensure_ascii=False)
    return await _render(call, Proposal(text=text))


async def send_form(call: Call) -> Response:
    """Order the film, and show it. If the visitor has not agreed to the price, show the price instead."""
    ctx, access = call.state["ctx"], access_of(call)
    access.check("submit")
    async with open_form(call) as form:
        with await call.state["admission"].acquire():
            proposal = await _propose(ctx, form, access)
            if proposal.request is None or not proposal.may_be_sent:
                return await _render(call, proposal, status=400)
            return await _order(call, proposal, form)


async def _order(call: Call, proposal: Proposal, form: Form) -> Response:
    access, agreed = access_of(call), amount_of(form, "agreed_usd")
    assert proposal.request
    assert proposal.plan
    if agreed is None:
        return await _render(call, proposal)
    limits = [limit for limit in (agreed, proposal.request.max_cost_usd) if limit is not None]
    try:
        request = proposal.request.model_copy(update={"max_cost_usd": min(limits)})
        film = await order_film(call.state["ctx"], request, access)
    except OverMaxCost:
        words = "The price is higher than the one that you saw. Nothing was ordered."
        return await _render(call, _with(proposal, notice=words))
    except (Invalid, Conflict, OverBudget) as error:
        return await _render(call, _with(proposal, problem=str(error)), status=400)
    address = console_of(call).url(f"/films/{to_shown_id(access.jobs_of, film.film_id)}")
    return RedirectResponse(address, status_code=303)


def _with(proposal: Proposal, *, notice: str = "", problem: str = "") -> Proposal:
    plan = None if problem else proposal.plan
    return Proposal(text=proposal.text, request=proposal.request, plan=plan, notice=notice, problem=problem)


async def _propose(ctx: PublisherContext, form: Form, access: Access) -> Proposal:
    """Return storyboard and plan, or what is wrong with it. A file goes before the text in the field."""
    files = form.files.get("file")
    body = files[0].content if files else form.text("storyboard").encode("utf-8", "surrogatepass")
    if not body:
        return Proposal(text="", problem="Paste a storyboard, or choose a file.")
    text = body.decode("utf-8", "replace") if len(body) <= FIELD_BYTES_AT_MOST else ""
    try:
        request = await keep_webhook(ctx, await asyncio.to_thread(parse_film, body), access)
        plan = await plan_film(ctx, request, access)
    except (Invalid, Conflict, Gone) as error:
        return Proposal(text=text, problem=str(error))
    notice = "" if text else "The file is too large for the field: choose it again before you order."
    return Proposal(text=text, request=request, plan=plan, notice=notice)


async def _render(call: Call, proposal: Proposal, *, status: int = 200) -> Response:
    return await render(call, "storyboard.html", status=status, proposal=proposal)
