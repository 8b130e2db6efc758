"""`make pictures`: the pictures of the console in the README, from videos that a facade and a worker of its own make.

`python -m tests.browser.pictures --all FOLDER` takes one of every page instead, in both themes and at both widths.
"""

import argparse
import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.async_api import Browser, Page, expect

from schemas.ports import WORKERS
from tests.browser.chromium import NARROW, THEMES, WIDE, open_browser, visiting
from tests.browser.conftest import ACME, KEYS, Site, site_at
from tests.browser.film_seeds import hold_film
from tests.browser.seeds import HOSTILE, PRICE, Seeds, seeding

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "pictures"
_SIZE_AT_MOST = 150_000
_PROMPTS = (
    (
        "Morning light falls through tall windows onto a desk with paper sketches",
        {"job_id": "spring-opening", "project_id": "spring-film", "labels": {"team": "growth"}},
    ),
    (
        "A red bicycle turns slowly on white, studio light, no people",
        {"job_id": "catalogue-17", "project_id": "catalogue", "aspect_ratio": "9:16"},
    ),
    (
        "Steam rises from a cup of coffee while rain runs down the window behind it",
        {"job_id": "spring-coffee", "project_id": "spring-film"},
    ),
    (
        "A lighthouse at night, waves against the rocks, its beam turns once",
        {"job_id": "lighthouse-take-2", "labels": {"team": "growth", "take": "2"}},
    ),
)


@contextmanager
def _house(**settings: str) -> Iterator[Site]:
    with (
        TemporaryDirectory(prefix="reelbus-pictures-") as folder,
        site_at(Path(folder), **settings) as site,
        site.facade(),
    ):
        yield site


async def take_readme_pictures(browser: Browser) -> None:
    """One of Jobs, while a job runs, and one of a finished Job."""
    with _house() as site, site.house.worker():
        async with visiting(browser, site.url, size=(1100, 760)) as visit, seeding(site.folder) as seeds:
            page, jobs = visit.page, []
            for prompt, fields in _PROMPTS:
                jobs.append(await seeds.ask(prompt, duration_seconds=4, **fields))
            await page.goto("/console/jobs")
            await expect(page.locator("#rows .state.good")).to_have_count(len(jobs), timeout=180_000)
            await seeds.ask(
                "A paper boat drifts along a city river at dusk",
                job_id="paper-boat",
                duration_seconds=30,
                resolution="1080p",
            )
            await expect(page.locator("#rows progress")).to_be_visible(timeout=60_000)
            await visit.until("document.querySelector('#rows progress').value > 25")
            await _take(page, PICTURES / "console-jobs.png")
            await page.goto(f"/console/jobs/{jobs[0].job_id}")
            await page.evaluate("document.querySelector('video').play()")
            await visit.until("document.querySelector('video').currentTime > 1.5")
            await page.evaluate("document.querySelector('video').pause()")
            await _take(page, PICTURES / "console-job.png")


_PRICES = {
    "REELBUS_PROVIDER": "vertex://acme/us-central1",
    "REELBUS_BUDGETS": '[{"scope": "all", "period": "month", "limit_usd": "100"}]',
}


async def take_all_pictures(browser: Browser, folder: Path) -> None:
    """Every page and state, to be looked at by a person."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    with _house(**_PRICES) as site:
        async with seeding(site.folder) as seeds:
            paths = await _seed(seeds)
        with closing(sqlite3.connect(site.folder / "reelbus.db")) as file, file:
            file.execute("UPDATE jobs SET record = '{' WHERE job_id = ?", (paths["broken"].rpartition("/")[2],))
        await _take_each(browser, site, paths, folder)
    with _house() as site:
        empty = {"none-jobs": "/jobs", "none-spend": "/spend", "none-trouble": "/trouble", "none-health": "/health"}
        await _take_each(browser, site, empty, folder)
    with _house(REELBUS_API_KEYS=KEYS) as site:
        await _take_each(browser, site, {"login": "/login"}, folder)
        await _take_each(browser, site, {"login-refused": "/login"}, folder, key="rb_of-another-facade")
        await _take_each(browser, site, {"forbidden": "/trouble", "caller": "/jobs"}, folder, key=ACME)


async def _take_each(
    browser: Browser, site: Site, paths: dict[str, str], folder: Path, *, key: str | None = None
) -> None:
    """Take a picture of each path in both themes and at both widths, after a login with the key."""
    for theme, size in product(THEMES, (WIDE, NARROW)):
        async with visiting(browser, site.url, theme=theme, size=size) as visit:
            visit.allow("status of [45]")
            if key:
                await visit.page.goto("/console/login")
                await visit.page.get_by_label("API key").fill(key)
                async with visit.page.expect_navigation():
                    await visit.page.keyboard.press("Enter")
            for name, path in paths.items():
                if path != "/login" or not key:
                    await visit.page.goto(f"/console{path}")
                if name == "new":
                    await visit.page.get_by_label("What should be seen?").fill("A paper boat on a city river")
                    await expect(visit.page.locator("#send")).to_contain_text("$")
                file = folder / f"{name}-{theme}-{size[0]}.png"
                await visit.page.screenshot(path=file, full_page=True)


async def _seed(seeds: Seeds) -> dict[str, str]:
    letter = await _bury(seeds)
    queued = await seeds.ask(
        "A job that waits for its turn in the harbour", project_id="harbour", labels={"team": "growth"}
    )
    busy = await seeds.accept(
        await seeds.start(await seeds.ask("A long film of two clips about the sea"), PRICE, PRICE)
    )
    failed = await seeds.fail(
        await seeds.accept(await seeds.start(await seeds.ask(HOSTILE), PRICE, PRICE)), message=HOSTILE
    )
    doubtful = await seeds.doubt(await seeds.start(await seeds.ask("A clip whose submit is in doubt")))
    await hold_film(seeds.ctx, "harbour-film", HOSTILE)
    broken = await seeds.ask("A record that a newer version wrote")
    return {
        "new": "/new",
        "jobs": "/jobs",
        "empty": "/jobs?q=nothing-like-it",
        "bad-filter": "/jobs?state=nonsense",
        "queued": f"/jobs/{queued.job_id}",
        "busy": f"/jobs/{busy.job_id}",
        "failed": f"/jobs/{failed.job_id}",
        "replay": f"/jobs/{failed.job_id}/replay",
        "resolve": f"/jobs/{doubtful.job_id}/resolve",
        "erase": f"/jobs/{failed.job_id}/erase",
        "letter": f"/dead-letters/{letter}",
        "films": "/films",
        "film": "/films/harbour-film",
        "film-retake": "/films/harbour-film/scenes/two/retake",
        "film-erase": "/films/harbour-film/erase",
        "new-film": "/new-film",
        "spend": "/spend",
        "bad-day": "/spend?since=yesterday",
        "trouble": "/trouble",
        "health": "/health",
        "error": "/jobs/unknown",
        "broken": f"/jobs/{broken.job_id}",
    }


async def _bury(seeds: Seeds) -> str:
    """A request that a worker gave up: the id of its dead letter."""
    await seeds.ask("A message that every worker gave up")
    async with seeds.ctx.bus.subscribe(WORKERS, limit=1) as deliveries:
        await (await anext(deliveries)).dead_letter(f"the body can't be read: {HOSTILE}")
    return (await seeds.ctx.bus.dead_letters())[0].id


async def _take(page: Page, path: Path) -> None:
    picture = BytesIO()
    Image.open(BytesIO(await page.screenshot())).quantize(256).save(picture, "png", optimize=True)
    size = len(picture.getvalue())
    assert size <= _SIZE_AT_MOST, f"{path.name} has {size:,} bytes, and may have {_SIZE_AT_MOST:,}"
    await asyncio.to_thread(path.write_bytes, picture.getvalue())


async def _main(folder: Path | None) -> None:
    async with open_browser() as browser:
        await (take_all_pictures(browser, folder) if folder else take_readme_pictures(browser))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER")
    asyncio.run(_main(parser.parse_args().all))
