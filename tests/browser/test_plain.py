"""Without JavaScript: the list, the job and the forms work."""

import pytest
from playwright.async_api import Browser, expect

from schemas.domain.states import JobState
from tests.browser.chromium import visiting
from tests.browser.conftest import Site
from tests.browser.seeds import PRICE, seeding

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_video_is_asked_for_and_cancelled_without_scripts(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url, scripts=False) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        await page.goto("/console/new")
        await page.get_by_label("What should be seen?").fill("A video that is asked for without scripts")
        await page.get_by_role("button", name="Show the price").click()
        await expect(page.locator("#send")).to_contain_text("Make the video for $")
        await page.locator("#send").click()
        await page.wait_for_url("**/console/jobs/*")
        job_id = page.url.rpartition("/")[2]
        await page.locator("#cancel").click()
        await expect(page.locator("#job-state")).to_contain_text("cancelled")
        assert (await seeds.job(job_id)).state is JobState.CANCELLED
        await page.goto("/console/jobs")
        await expect(page.locator(f"#job-{job_id}")).to_contain_text("cancelled")
        await page.locator(f"#job-{job_id} a").click()
        await expect(page.locator("h1")).to_contain_text(job_id)


async def test_a_replay_without_scripts_says_its_price_and_asks_once(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url, scripts=False) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        job = await seeds.fail(await seeds.accept(await seeds.start(await seeds.ask("No scripts here"), PRICE, PRICE)))
        await page.goto(f"/console/jobs/{job.job_id}")
        await page.locator("#replay").click()
        await page.locator("#confirm").click()
        await page.wait_for_url(f"**/console/jobs/{job.job_id}")
        assert (await seeds.job(job.job_id)).life == 2
