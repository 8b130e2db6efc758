"""Who sees what: a login, two callers who see no trace of each other, and foreign pages that change nothing."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.chromium import CONNECTION_LOST, visiting
from tests.browser.conftest import ACME, KEYS, OPERATOR, ZEBRA, Site
from tests.browser.seeds import seeding

pytestmark = pytest.mark.asyncio(loop_scope="session")
PAGES = (
    *("", "/new", "/jobs", "/jobs/any", "/jobs/any/replay", "/jobs/any/resolve", "/jobs/any/erase", "/spend"),
    *("/spend.csv", "/trouble", "/health", "/dead-letters/any", "/nowhere"),
)


async def _log_in(page: Page, key: str, path: str = "/console/jobs") -> None:
    await page.goto(path)
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Log in").click()
    await page.wait_for_url(f"**{path}")


@pytest.mark.parametrize("path", PAGES)
async def test_without_a_login_every_page_leads_to_it(keyed: Site, path: str) -> None:
    async with httpx.AsyncClient(base_url=keyed.url) as client:
        answer = await client.get(f"/console{path}")
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/console/login")
        assert "default-src 'none'" in (await client.get("/console/login")).headers["content-security-policy"]


async def test_two_callers_in_two_browsers_see_no_trace_of_each_other(browser: Browser, keyed: Site) -> None:
    async with (
        visiting(browser, keyed.url) as acme,
        visiting(browser, keyed.url) as zebra,
        visiting(browser, keyed.url) as operator,
        seeding(keyed.folder) as seeds,
    ):
        job = await seeds.ask("A secret plan of acme alone", caller="acme", job_id="plan", duration_seconds=1)
        await _log_in(acme.page, ACME)
        await _log_in(zebra.page, ZEBRA)
        await _log_in(operator.page, OPERATOR)
        await expect(acme.page.locator("#rows")).to_contain_text("A secret plan")
        await expect(operator.page.locator(f"#job-{job.job_id}")).to_contain_text("caller acme")
        zebra.allow("status of 40[34]")
        paths = ["/jobs", "/jobs?q=plan", "/jobs?caller=acme", "/jobs/plan", "/spend", "/trouble"]
        for path in (*paths, *(f"/jobs/{job.job_id}{page}" for page in ("", "/replay", "/erase"))):
            await zebra.page.goto(f"/console{path}")
            shown = await zebra.page.content()
            assert "secret" not in shown
            assert "acme" not in shown.replace(job.job_id, "").replace("caller=acme", "").replace('value="acme"', "")
        await acme.page.goto("/console/jobs/plan")
        await expect(acme.page.locator("#job-state")).to_contain_text("succeeded")
        await acme.page.evaluate("document.querySelector('video').play()")
        await acme.until("document.querySelector('video').currentTime > 0")
        answer = await acme.context.request.get(f"{keyed.url}/api/videos")
        assert answer.status == 401, "the API takes no cookie"


async def test_a_session_holds_after_a_restart_and_ends_with_the_logout(browser: Browser, alone: Site) -> None:
    alone.house.settings["REELBUS_API_KEYS"] = KEYS
    async with visiting(browser, alone.url) as visit:
        visit.allow(CONNECTION_LOST)
        page = visit.page
        with alone.facade():
            await _log_in(page, ACME)
            (cookie,) = await visit.context.cookies()
            assert (cookie["httpOnly"], cookie["sameSite"], len(cookie["value"])) == (True, "Strict", 43)
            assert not list(alone.folder.rglob(f"*{cookie['value']}*")), "only a digest is stored"
        with alone.facade():
            await page.goto("/console/jobs")
            assert await visit.headline() == "Jobs"
            await page.get_by_role("button", name="Log out").click()
            await page.wait_for_url("**/console/login")
            kept = {name: cookie[name] for name in ("name", "value", "domain", "path")}
            await visit.context.add_cookies([kept])  # type: ignore[list-item]  # a dict with the keys of its type
            await page.goto("/console/jobs")
            assert await visit.headline() == "Log in", "the cookie of an ended session opens nothing"


async def test_a_wrong_key_is_refused_in_words(browser: Browser, keyed: Site) -> None:
    async with visiting(browser, keyed.url) as visit:
        visit.allow("status of 403")
        await visit.page.goto("/console/login")
        await visit.page.get_by_label("API key").fill("rb_wrong")
        await visit.page.get_by_role("button", name="Log in").click()
        await expect(visit.page.locator("#key-error")).to_contain_text("unknown")
        await visit.check_axe()


async def test_a_link_on_another_site_opens_the_page(browser: Browser, keyed: Site) -> None:
    """A cookie with SameSite=Strict is not sent with such a click: the page asks once more by itself."""
    async with visiting(browser, keyed.url) as visit:
        await _log_in(visit.page, ACME)
        with _foreign_page(f'<a href="{keyed.url}/console/spend">spend</a>') as url:
            await visit.page.goto(url)
            await visit.page.get_by_role("link").click()
            await visit.page.wait_for_url("**/console/spend")
            await expect(visit.page.locator("h1")).to_have_text("Spend")


_ATTACK = (Path(__file__).parent / "attack.html").read_text()
_POSTS = 25
"""Three forms and two fetches for each of five paths. What needs a preflight never arrives."""


@pytest.mark.parametrize("with_keys", [False, True])
async def test_a_foreign_page_changes_nothing(browser: Browser, priced: Site, keyed: Site, with_keys: bool) -> None:
    site = keyed if with_keys else priced
    async with visiting(browser, site.url) as visit, seeding(site.folder) as seeds:
        visit.allow(".*")  # a browser says loudly what it refused
        job = await seeds.ask("A job that a foreign page attacks", caller="acme" if with_keys else None)
        if with_keys:
            await _log_in(visit.page, ACME)
        answers = list[Any]()
        visit.page.on("response", lambda answer: answers.append(answer) if answer.url.startswith(site.url) else None)
        with _foreign_page(_ATTACK.replace("URL", site.url).replace("JOB", job.job_id)) as url:
            await visit.page.goto(url)
            async with asyncio.timeout(30):
                while len(answers) < _POSTS:  # noqa: ASYNC110  # the browser sends them when it likes
                    await asyncio.sleep(0.05)
        assert all(answer.status >= 400 for answer in answers if answer.request.method == "POST"), [
            (answer.status, answer.url) for answer in answers
        ]
        assert await seeds.ctx.jobs.get("stolen") is None
        after = await seeds.job(job.job_id)
        assert not after.cancel_requested
        assert after.erased_at is None
        if with_keys:
            await visit.page.goto("/console/jobs")
            assert await visit.headline() == "Jobs", "and the session was not ended either"


@contextmanager
def _foreign_page(body: str) -> Iterator[str]:
    """A page of another site: `localhost` is another one than `127.0.0.1`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
