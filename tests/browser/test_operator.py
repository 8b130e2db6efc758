"""The operator's pages: dead letters, spend, health."""

import csv
import io
from decimal import Decimal

import pytest
from playwright.async_api import Browser, expect

from tests.browser.chromium import CONNECTION_LOST, visiting
from tests.browser.conftest import Site
from tests.browser.seeds import HOSTILE, PRICE, seeding

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_dead_letter_is_looked_at_replayed_and_dropped(browser: Browser, alone: Site) -> None:
    async with visiting(browser, alone.url) as visit, seeding(alone.folder) as seeds:
        with alone.house.worker():
            letter = await seeds.bury(HOSTILE.encode())
        with alone.facade():  # without a worker a replay stays on the bus
            page = visit.page
            await page.goto("/console/trouble")
            await visit.check_axe()
            await page.get_by_role("link", name="Look and replay…").click()
            await expect(page.locator("h1")).to_contain_text(letter)
            await expect(page.locator("pre")).to_contain_text(HOSTILE)
            await visit.check_axe()
            await page.locator("#replay").click()
            await page.wait_for_url("**/console/trouble")
            await expect(page.locator("main")).to_contain_text("Nothing is stuck")
            with alone.house.worker():
                letter = await seeds.bury(HOSTILE.encode())
            await page.goto(f"/console/dead-letters/{letter}")
            await page.locator("#drop").click()
            await page.wait_for_url("**/console/trouble")
            assert letter not in {each.id for each in await seeds.ctx.bus.dead_letters()}
            assert await page.evaluate("window.broken") is None


async def test_spend_says_what_the_ledgers_say(browser: Browser, alone: Site) -> None:
    async with visiting(browser, alone.url) as visit, seeding(alone.folder) as seeds:
        visit.allow(CONNECTION_LOST)  # Chromium asks for the icon last, and the facade may have stopped by then
        page = visit.page
        with alone.facade():
            await page.goto("/console/spend")
            await expect(page.locator("main")).to_contain_text("Nothing was paid")
        for project in ("=cmd()", "<b>bold<b>", "plain"):
            job = await seeds.ask(f"A job of project {project}", project_id=project)
            await seeds.accept(await seeds.start(job, PRICE))
        with alone.facade():  # a report is kept for some seconds by each process
            await page.goto("/console/spend")
            await expect(page.get_by_label("Today", exact=True)).to_contain_text("$1.20")
            await expect(page.get_by_label("By project")).to_contain_text("<b>bold<b>")
            await expect(page.locator(".chart rect")).to_have_count(1)
            await visit.check_axe()
            async with page.expect_download() as download:
                await page.get_by_role("link", name="CSV").click()
            table = list(csv.DictReader(io.StringIO((await (await download.value).path()).read_text())))
            assert {Decimal(row["charged_usd"]) for row in table if row["group"] == "total"} == {Decimal("1.2")}
            assert not any(row["key"].startswith("=") for row in table), "a spreadsheet would compute it"


async def test_health_shows_the_workers_and_the_queue(browser: Browser, free: Site) -> None:
    async with visiting(browser, free.url) as visit:
        await visit.page.goto("/console/health")
        await expect(visit.page.locator("main")).to_contain_text("Workers")
        await expect(visit.page.get_by_label("Table of workers").locator("tbody tr")).to_have_count(1)


async def test_a_link_to_a_list_shows_the_same_list(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        jobs = [await seeds.ask(f"Number {n} of the list", project_id="list", labels={"n": f"n{n}"}) for n in range(3)]
        await seeds.fail(jobs[0])
        await page.goto("/console/jobs")
        await page.get_by_label("Project").fill("list")
        await page.get_by_role("button", name="Filter").click()
        await expect(page.locator("#rows .row")).to_have_count(3)
        await page.get_by_label("State").get_by_role("link", name="failed").click()
        await expect(page.locator("#rows .row")).to_have_count(1)
        assert "project_id=list" in page.url
        assert "state=failed" in page.url
        await page.goto("/console/jobs?q=n=n2")
        await expect(page.locator("#rows .row")).to_have_count(1)
        await page.goto(f"/console/jobs?q={jobs[1].job_id[:8]}")
        await expect(page.locator(f"#job-{jobs[1].job_id}")).to_be_visible()
