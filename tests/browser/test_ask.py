"""A visitor asks for a video, sees its price, watches it come, and plays it."""

import re

import pytest
from playwright.async_api import Browser, FilePayload, Page, Response, expect

from tests.browser.chromium import visiting
from tests.browser.conftest import Site
from tests.browser.seeds import HOSTILE, seeding

pytestmark = pytest.mark.asyncio(loop_scope="session")
PROMPT = "A paper boat drifts along a city river"


async def _ask(page: Page, prompt: str, seconds: int = 1) -> None:
    await page.goto("/console/new")
    await page.get_by_label("Seconds").fill(str(seconds))
    await page.get_by_label("What should be seen?").fill(prompt)


async def test_a_video_is_asked_for_watched_and_played(browser: Browser, free: Site) -> None:
    async with visiting(browser, free.url) as visit:
        page, ranges = visit.page, list[Response]()
        page.on("response", lambda answer: ranges.append(answer) if "/videos/" in answer.url else None)
        await _ask(page, PROMPT)
        await expect(page.locator("#send")).to_have_text("Make the video, free")
        await page.locator("#send").click()
        await page.wait_for_url("**/console/jobs/*")
        await expect(page.locator("#job-state")).to_contain_text("succeeded")
        await expect(page.locator("#announce")).to_have_text("The job has ended: succeeded.")
        await page.evaluate("document.querySelector('video').play()")
        await visit.until("document.querySelector('video').currentTime > 0.2")
        assert {answer.status for answer in ranges if answer.url.endswith(".mp4")} == {206}
        await page.get_by_role("link", name="All jobs").click()
        await expect(page.locator("#rows .row").filter(has_text=PROMPT).first).to_contain_text("succeeded")


async def test_a_row_changes_in_place_and_keeps_the_focus(browser: Browser, free: Site) -> None:
    async with visiting(browser, free.url) as visit, seeding(free.folder) as seeds:
        page = visit.page
        await page.goto("/console/jobs")
        await expect(page.locator("[data-live-state]")).to_have_text("Live")
        job = await seeds.ask("A row that changes while it is looked at", duration_seconds=4)
        row = page.locator(f"#job-{job.job_id}")
        await row.locator("a").focus()
        await row.evaluate("row => row.marked = true")
        await expect(row).to_contain_text("succeeded")
        assert await row.evaluate("row => row.marked") is True, "the row was replaced by another element"
        assert await row.locator("a").evaluate("link => document.activeElement === link")
        await expect(page.locator("#announce")).to_contain_text(f"Job {job.job_id} has ended: succeeded.")


async def test_the_price_follows_each_change_and_stands_on_the_button(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit:
        page = visit.page
        await _ask(page, PROMPT, seconds=4)
        await expect(page.locator("#send")).to_have_text(re.compile(r"Make the video for \$[0-9.]+"))
        first = await page.locator("#send").inner_text()
        await page.get_by_label("Seconds").fill("8")
        await expect(page.locator("#send")).not_to_have_text(first)
        await expect(page.locator("#plan")).to_contain_text("Budget left")
        shown = await page.locator("#send").inner_text()
        await page.locator("#send").click()
        await page.wait_for_url("**/console/jobs/*")
        async with seeding(priced.folder) as seeds:
            job = await seeds.job(page.url.rpartition("/")[2])
        assert job.request.max_cost_usd is not None
        assert shown.endswith(f"${job.request.max_cost_usd:.2f}"), "the job may cost no more than the button said"


async def test_a_price_that_rose_is_asked_again_and_nothing_is_sent(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit, seeding(priced.folder) as seeds:
        page = visit.page
        await _ask(page, PROMPT, seconds=4)
        await expect(page.locator("#send")).to_contain_text("Make the video for")
        await page.locator("[name=agreed_usd]").evaluate("field => field.value = '0.01'")
        id = await page.locator("[name=job_id]").get_attribute("value")
        await page.locator("#send").click()
        await expect(page.get_by_role("alert")).to_contain_text("The price has changed")
        assert id
        assert await seeds.ctx.jobs.get(id) is None


async def test_a_form_that_is_sent_twice_makes_one_job(browser: Browser, priced: Site) -> None:
    async with visiting(browser, priced.url) as visit:
        page = visit.page
        await _ask(page, "A form that is sent twice", seconds=4)
        await expect(page.locator("#send")).to_contain_text("Make the video for")
        await page.locator("#send").dblclick()
        await page.wait_for_url("**/console/jobs/*")
        first = page.url
        await page.go_back()
        await page.wait_for_url("**/console/new")
        await page.goto("/console/jobs?q=veo")
        await page.goto("/console/jobs")
        rows = page.locator("#rows .row").filter(has_text="A form that is sent twice")
        await expect(rows).to_have_count(1)
        assert first.rpartition("/")[2] in await rows.first.inner_html()


async def test_an_image_is_previewed_and_is_sent_once_with_the_request(browser: Browser, free: Site) -> None:
    from tests.images import png

    async with visiting(browser, free.url) as visit:
        page, sent = visit.page, list[int]()
        page.on(
            "request", lambda asked: sent.append(len(asked.post_data_buffer or b"")) if "/plan" in asked.url else None
        )
        await _ask(page, "A video that begins with my own picture")
        picture = png(640, 360)
        await page.locator("#image").set_input_files({"name": "<b>x.png", "mimeType": "image/png", "buffer": picture})
        await expect(page.locator("#image-preview")).to_be_visible()
        await expect(page.locator("#send")).to_have_text("Make the video, free")
        await page.locator("#send").click()
        await page.wait_for_url("**/console/jobs/*")
        await expect(page.locator("#request")).to_contain_text("reelbus:references/")
        assert max(sent) < 5_000, "a plan has no need for the picture"


async def test_images_change_the_price_and_are_sent_with_the_request(browser: Browser, priced: Site) -> None:
    """A clip that is made from reference images has 8 s; a last frame needs a first one."""
    from tests.images import png

    first, last, person = (
        FilePayload(name=f"{width}.png", mimeType="image/png", buffer=png(width, 9)) for width in (16, 17, 18)
    )
    async with visiting(browser, priced.url) as visit:
        page = visit.page
        await _ask(page, "A video of a person whom I know", seconds=4)
        await page.locator("summary", has_text="Last frame").click()
        await page.get_by_label("What has to be seen").set_input_files([person, first])
        await expect(page.locator("#send")).to_have_text("Make the video for $0.80")
        await page.get_by_label("What has to be seen").set_input_files([])
        await page.get_by_label("Last frame", exact=True).set_input_files(last)
        await expect(page.locator("#problem")).to_contain_text("last_image can't be given without a first frame")
        await page.locator("#image").set_input_files(first)
        await expect(page.locator("#send")).to_have_text("Make the video for $0.40")
        await page.locator("#send").click()
        await page.wait_for_url("**/console/jobs/*")
        await expect(page.locator("#request")).to_contain_text('"last_image": "reelbus:references/')
    async with seeding(priced.folder) as seeds:
        assert len(await seeds.ctx.videos.list("references/")) == 2


@pytest.mark.parametrize("prompt", [f"A wall with words: {HOSTILE}", "Sehr lang " * 200])
async def test_hostile_and_long_prompts_are_shown_and_not_executed(browser: Browser, free: Site, prompt: str) -> None:
    prompt = prompt.strip()
    async with visiting(browser, free.url) as visit:
        page = visit.page
        await _ask(page, prompt)
        await page.locator("summary", has_text="More").click()
        await page.get_by_label("Project").fill("<img-src=x-onerror=alert(1)>")
        await expect(page.locator("#send")).to_have_text("Make the video, free")
        await page.locator("#send").click()
        await page.wait_for_url("**/console/jobs/*")
        await expect(page.locator("#job-state")).to_contain_text("succeeded")
        assert await page.locator(".prompt").inner_text() == prompt
        await page.goto("/console/jobs")
        await expect(page.locator("#rows")).to_contain_text(prompt[:40])
        assert await page.evaluate("window.broken") is None


@pytest.mark.parametrize(
    ("label", "value", "words"), [("Seed", "-1", "seed must be at least 0"), ("Labels", "no equals", "labels must be")]
)
async def test_what_is_wrong_is_said_beside_the_button(
    browser: Browser, free: Site, label: str, value: str, words: str
) -> None:
    async with visiting(browser, free.url) as visit:
        page = visit.page
        visit.allow(r"status of 400")
        await _ask(page, PROMPT)
        await page.locator("summary", has_text="More").click()
        await page.get_by_label(label, exact=True).fill(value)
        await expect(page.locator("#problem")).to_contain_text(words)
        await page.locator("#send").click()
        await expect(page.locator("#problem")).to_contain_text(words)
        assert await page.get_by_label(label, exact=True).input_value() == value
        await visit.check_axe()
