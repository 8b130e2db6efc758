"""One job: it is cancelled, replayed, resolved and erased, and its page survives a reload and a restart."""

import asyncio
import re
from decimal import Decimal

import pytest
from playwright.async_api import Browser, Page, Route, expect

from schemas.domain.states import JobState
from tests.browser.chromium import CONNECTION_LOST, visiting
from tests.browser.conftest import Site
from tests.browser.seeds import HOSTILE, PRICE, seeding

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_cancel_before_the_submit_costs_nothing(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        job = await seeds.ask("A job that is cancelled before")
        await visit.page.goto(f"/console/jobs/{job.job_id}")
        await expect(visit.page.locator("#job-actions")).to_contain_text(
            "Nothing has been charged, and nothing will be."
        )
        await visit.page.locator("#cancel").click()
        await expect(visit.page.locator("#job-state")).to_contain_text("cancelled")
        after = await seeds.job(job.job_id)
        assert (after.state, after.cost_usd) == (JobState.CANCELLED, Decimal(0))


async def test_a_cancel_after_the_submit_says_what_stays_charged(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        job = await seeds.accept(await seeds.start(await seeds.ask("A job that is cancelled after"), PRICE, PRICE))
        await visit.page.goto(f"/console/jobs/{job.job_id}")
        await expect(visit.page.locator("#job-actions")).to_contain_text("$0.40 is charged already and stays charged")
        await visit.page.locator("#cancel").click()
        await expect(visit.page.locator("#job-state")).to_contain_text(re.compile("cancelled|A cancel was asked for"))
        assert (await seeds.job(job.job_id)).cost_usd == PRICE


async def test_a_replay_asks_once_with_its_price_and_keeps_what_was_paid(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        job = await seeds.accept(await seeds.start(await seeds.ask("A job that is replayed"), PRICE, PRICE))
        job = await seeds.fail(job, message=HOSTILE)
        await page.goto(f"/console/jobs/{job.job_id}")
        await expect(page.locator("#job-state")).to_contain_text(HOSTILE)
        await expect(page.locator("#replay")).to_contain_text("$0.40")
        await page.locator("#replay").click()
        await expect(page.locator("#confirm")).to_have_text("Replay and pay $0.40")
        await visit.check_axe()
        await page.locator("#confirm").click()
        await page.wait_for_url(f"**/console/jobs/{job.job_id}")
        await expect(page.locator("#job-state")).not_to_contain_text("failed")
        assert (await seeds.job(job.job_id)).life == 2
        assert await page.evaluate("window.broken") is None


async def test_a_replay_that_is_sent_twice_happens_once(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        job = await seeds.fail(await seeds.accept(await seeds.start(await seeds.ask("A double click"), PRICE, PRICE)))
        await page.goto(f"/console/jobs/{job.job_id}/replay")
        await page.locator("#confirm").dblclick()
        await page.wait_for_url(f"**/console/jobs/{job.job_id}")
        assert (await seeds.job(job.job_id)).life == 2


async def test_a_doubtful_submit_shows_its_evidence_before_the_decision(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        job = await seeds.doubt(await seeds.start(await seeds.ask("A job in doubt")))
        await page.goto("/console/trouble")
        await expect(page.locator("main")).to_contain_text(job.job_id)
        await page.goto(f"/console/jobs/{job.job_id}")
        await page.locator("#resolve").click()
        await expect(page.locator("main")).to_contain_text("none under work/")
        await expect(page.locator("#resubmit-0")).to_have_text("Send it again and pay $0.40")
        await visit.check_axe()
        await page.locator("#not_charged-0").click()
        await page.wait_for_url(f"**/console/jobs/{job.job_id}")
        after = await seeds.job(job.job_id)
        assert (after.cost_usd, after.charged) == (Decimal(0), "no")
        assert await page.evaluate("window.broken") is None


async def test_an_erased_job_shows_no_prompt(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        job = await seeds.fail(await seeds.ask("A secret that must be erased"))
        await page.goto(f"/console/jobs/{job.job_id}")
        await page.locator("#erase").click()
        await visit.check_axe()
        await page.locator("#confirm").click()
        await page.wait_for_url(f"**/console/jobs/{job.job_id}")
        await expect(page.locator("main")).to_contain_text("were erased at")
        assert "secret" not in await page.content()


@pytest.mark.timeout(300)
async def test_a_reload_and_a_restart_of_the_facade_lose_nothing(browser: Browser, alone: Site) -> None:
    with alone.house.worker():
        async with visiting(browser, alone.url) as visit, seeding(alone.folder) as seeds:
            page = visit.page
            visit.allow(CONNECTION_LOST)
            job = await seeds.ask("A job that outlives its facade", duration_seconds=20, resolution="1080p")
            with alone.facade():
                await page.goto(f"/console/jobs/{job.job_id}")
                await expect(page.locator("[data-live-state]")).to_have_text("Live")
                await page.reload()
                await expect(page.locator("[data-live-state]")).to_have_text("Live")
                await page.evaluate("window.marked = true")
                await expect(page.locator("#job-state")).to_contain_text("generating")
            await expect(page.locator("[data-live-state]")).to_have_text("Connection lost, trying again")
            with alone.facade():
                await expect(page.locator("#job-state")).to_contain_text("succeeded", timeout=240_000)
                await expect(page.locator("video")).to_be_visible()
                assert await page.evaluate("window.marked"), "the page went on by itself, without a reload"


async def test_a_hidden_tab_pauses_and_goes_on_from_the_last_event(browser: Browser, alone: Site) -> None:
    with alone.facade():
        async with visiting(browser, alone.url) as visit, seeding(alone.folder) as seeds:
            page, asked = visit.page, list[str | None]()
            page.on(
                "request", lambda each: asked.append(each.headers.get("last-event-id")) if "/live" in each.url else None
            )
            job = await seeds.ask("A job in a hidden tab")
            await page.goto(f"/console/jobs/{job.job_id}")
            await expect(page.locator("[data-live-state]")).to_have_text("Live")
            await seeds.start(job)
            await expect(page.locator("#job-state")).to_contain_text("submitting")
            await _hide(page, hidden=True)
            await expect(page.locator("[data-live-state]")).to_have_text("Paused")
            await seeds.fail(await seeds.accept(job))
            await asyncio.sleep(0.8)  # four looks: a page that went on would have changed by now
            await expect(page.locator("#job-state")).to_contain_text("submitting")
            await _hide(page, hidden=False)
            await expect(page.locator("#job-state")).to_contain_text("failed")
            assert len(asked) == 2, f"one connection, and one after the pause: {asked}"
            assert asked[0] is None
            assert asked[1], "the second one names the last event"


async def test_a_page_whose_scripts_arrive_late_is_live(browser: Browser, alone: Site) -> None:
    """htmx reads the page when it is loaded itself, and its extension for streams may be loaded later."""
    with alone.facade():
        async with visiting(browser, alone.url) as visit, seeding(alone.folder) as seeds:

            async def hold(route: Route) -> None:
                await visit.until("typeof htmx === 'object'")
                await visit.page.evaluate(
                    "new Promise((done) => setTimeout(done, 50))"
                )  # htmx has read the page by then
                await route.continue_()

            await visit.page.route("**/hx-sse-*", hold)
            job = await seeds.ask("A job on a slow line")
            await visit.page.goto(f"/console/jobs/{job.job_id}")
            await expect(visit.page.locator("[data-live-state]")).to_have_text("Live")


async def _hide(page: Page, *, hidden: bool) -> None:
    await page.evaluate(
        """hidden => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


async def test_the_request_is_shown_as_json_and_copied(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        job = await seeds.ask("A request that is copied", labels={"team": "growth"})
        await visit.page.goto(f"/console/jobs/{job.job_id}")
        await visit.page.locator("summary", has_text="Request as JSON").click()
        await visit.page.get_by_role("button", name="Copy").click()
        await expect(visit.page.locator("#announce")).to_have_text("Copied.")
        assert '"team": "growth"' in await visit.page.evaluate("navigator.clipboard.readText()")
