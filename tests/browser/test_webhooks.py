"""A webhook that its receiver refused is seen in Trouble, posted again by a button, and delivered."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import visiting
from tests.browser.conftest import site_at
from tests.browser.seeds import seeding
from tests.courier.receivers import Receiver, receiving

pytestmark = pytest.mark.asyncio(loop_scope="session")
GONE = b"HTTP/1.1 410 Gone\r\n\r\n"
NETWORKS = "127.0.0.0/8"


async def test_a_refused_webhook_is_posted_again(browser: Browser, tmp_path: Path) -> None:
    with site_at(tmp_path, REELBUS_WEBHOOK_NETWORKS=NETWORKS) as site, site.house.worker(), site.facade():
        async with (
            visiting(browser, site.url) as visit,
            seeding(site.folder, webhook_networks=NETWORKS) as seeds,
            receiving(Receiver(first=[GONE])) as receiver,
        ):
            page = visit.page
            job = await seeds.ask("A short film that is told of", duration_seconds=1, webhook={"url": receiver.url})
            await receiver.until(1)
            await _reload_until(page, "/console/trouble", "Webhooks that were not delivered (1)")
            await visit.check_axe()
            await page.get_by_role("button", name=f"Post {job.job_id}-1-succeeded.request again").click()
            await page.wait_for_url(f"**/console/jobs/{job.job_id}#webhooks")
            await receiver.until(2)
            await _reload_until(page, f"/console/jobs/{job.job_id}", "delivered")
            await expect(page.locator("#webhooks .steps li")).to_have_count(2)
            await expect(page.locator("#webhooks .steps")).to_contain_text("410")
            await expect(page.locator("main")).not_to_contain_text("secret-1")
            await visit.check_axe()
            await page.goto("/console/webhooks?state=delivered")
            await expect(page.locator("main")).to_contain_text(job.job_id)
            await visit.check_axe()
            await page.goto("/console/trouble")
            await expect(page.locator("main")).to_contain_text("Nothing is stuck")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert len({body for _, body in receiver.got}) == 1


async def _reload_until(page: Page, path: str, words: str) -> None:
    """Deliveries are not streamed, and the courier's record is a moment behind the receiver."""
    async with asyncio.timeout(60):
        while True:
            await page.goto(path)
            if words in await page.locator("main").inner_text():
                return
            await asyncio.sleep(0.2)
