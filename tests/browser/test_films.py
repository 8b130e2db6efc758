"""Films in a real browser: from a pasted storyboard to the video, and what a person does to a film that is held."""

import json
import re

import pytest
from playwright.async_api import Browser, expect

from publisher.access import Access
from publisher.films.orders import find_film
from schemas.domain.film import FilmState
from tests.browser.chromium import NARROW, visiting
from tests.browser.conftest import Site
from tests.browser.film_seeds import hold_film
from tests.browser.seeds import HOSTILE, seeding

pytestmark = pytest.mark.asyncio(loop_scope="session")
STORYBOARD = {
    "film_id": "harbour",
    "defaults": {"duration_seconds": 1},
    "scenes": [
        {"name": "boats", "prompt": "Boats leave the harbour at dawn"},
        {"name": "gulls", "prompt": "Gulls circle over the pier"},
    ],
}


async def test_a_storyboard_is_priced_ordered_and_watched_to_its_end(browser: Browser, free: Site) -> None:
    async with visiting(browser, free.url) as visit:
        page = visit.page
        await page.goto("/console/films")
        await page.locator("main").get_by_role("link", name="New film").click()
        await page.get_by_label("Storyboard").fill("{ no JSON")
        await page.locator("#show-price").click()
        visit.allow("status of 400")
        await expect(page.locator("#problem")).to_contain_text("must be JSON")
        await page.get_by_label("Storyboard").fill("{}")
        storyboard = {"name": "b.json", "mimeType": "application/json", "buffer": json.dumps(STORYBOARD).encode()}
        await page.get_by_label("Or a file").set_input_files(storyboard)  # type: ignore[arg-type]
        await page.locator("#show-price").click()
        await expect(page.locator("tbody tr")).to_have_count(2)
        await expect(page.locator("#order")).to_have_text("Make film harbour, free")
        await visit.check_axe()
        await page.locator("#order").click()
        await page.wait_for_url("**/console/films/harbour")
        await page.evaluate("window.marked = true")
        await expect(page.locator("#film-state")).to_contain_text("succeeded")
        await expect(page.locator("#film-scenes .state.good")).to_have_count(2)
        await expect(page.locator("#film-scenes img.thumb")).to_have_count(2)
        await expect(page.locator("[data-live-state]")).to_have_text("Up to date")
        await expect(page.locator("#announce")).to_have_text("The film has ended: succeeded.")
        assert await page.evaluate("window.marked"), "the page went on by itself, without a reload"
        await page.evaluate("document.querySelector('video').play()")
        await visit.until("document.querySelector('video').currentTime > 0.2")
        assert await page.get_by_role("link", name="Download").get_attribute("href")
        await visit.check_axe()


async def test_a_retake_of_a_held_film_says_its_price_and_happens_once(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url, theme="dark") as visit, seeding(priced.folder) as seeds:
        page = visit.page
        await hold_film(seeds.ctx, "held", HOSTILE)
        await page.goto("/console/trouble")
        await page.locator("#troubled-films ~ ul a", has_text="held").first.click()
        await expect(page.locator("#film-state")).to_contain_text(HOSTILE)
        await expect(page.locator("#scene-two")).to_contain_text("upstream/broke")
        await page.locator("#scene-two").get_by_role("link", name=re.compile("Take again")).click()
        price = await page.locator("tfoot .number").inner_text()
        assert float(price.removeprefix("$")) > 0
        await expect(page.locator("#confirm")).to_have_text(f"Take it again and pay {price}")
        await page.locator("#confirm").dblclick()
        await page.wait_for_url("**/console/films/held")
        await expect(page.locator("#scene-two")).to_contain_text("take 2")
        film = await find_film(seeds.ctx, "held", Access())
        assert (film.request.revision, film.state) == (2, FilmState.PLANNED)
        assert await page.evaluate("window.broken") is None


async def test_a_scene_is_cut_out_and_the_film_is_cancelled(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url, size=NARROW) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        await hold_film(seeds.ctx, "shorter", HOSTILE)
        await page.goto("/console/films/shorter")
        await expect(page.locator("[data-live-state]")).to_have_text("Live")
        await page.locator("#scene-two").get_by_role("link", name=re.compile("Cut out")).click()
        await expect(page.locator("#confirm")).to_have_text("Cut it out, free")
        await visit.check_width()
        await page.locator("#confirm").click()
        await page.wait_for_url("**/console/films/shorter")
        await expect(page.locator("#film-scenes li")).to_have_count(2)
        await page.locator("#cancel").click()
        await expect(page.locator("#film-state")).to_contain_text("cancelled")
        assert (await find_film(seeds.ctx, "shorter", Access())).state is FilmState.CANCELLED
