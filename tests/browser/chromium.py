"""Chromium, driven by Playwright. A visit fails on any error in the browser's console, and on any report of the CSP."""

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

WITHIN_MS = 30_000
CONNECTION_LOST = "ERR_CONNECTION_|ERR_INCOMPLETE_CHUNKED_ENCODING|htmx:sse:error|Failed to fetch"
"""What Chromium and htmx write while a facade is down."""
NARROW, WIDE = (320, 640), (1280, 900)
expect.set_options(timeout=WITHIN_MS)
THEMES = ("light", "dark")
_AXE = Axe()
_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]},
    "resultTypes": ["violations"],
}
_REPORTS = """
document.addEventListener("securitypolicyviolation", (event) =>
  console.error(`CSP: ${event.violatedDirective} refused ${event.blockedURI} in ${event.sourceFile}`));
"""


@asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Debian's Chromium. Where there is none the tests are skipped, and fail in CI."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        assert not os.environ.get("CI"), "CI must have Chromium: apt-get install chromium"
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Visit:
    """One visitor with cookies of its own, and the page in front of it."""

    context: BrowserContext
    page: Page
    allowed: list[str] = field(default_factory=list)
    """Patterns of errors that the test causes on purpose."""
    problems: list[str] = field(default_factory=list)

    def allow(self, pattern: str) -> None:
        """Expect errors of this kind from now on."""
        self.allowed.append(pattern)

    def watch(self, page: Page) -> None:
        """Note what the page complains about."""
        page.on(
            "console",
            lambda said: (
                self.problems.append(f"{said.text} {said.location}") if said.type in ("error", "warning") else None
            ),
        )
        page.on("pageerror", lambda error: self.problems.append(f"uncaught: {error}"))

    def check(self) -> None:
        """Fail if the browser had anything to complain about."""
        left = [line for line in self.problems if not any(re.search(pattern, line) for pattern in self.allowed)]
        assert not left, "\n".join(left)

    async def check_axe(self) -> None:
        """Fail on any violation of WCAG 2.2 AA that axe finds."""
        found = await _AXE.run(self.page, options=_RULES)
        violations = found.response["violations"]
        words = [
            f"{each['id']} ({each['help']}): {node['target']} {node.get('failureSummary', '')}"
            for each in violations
            for node in each["nodes"]
        ]
        assert not words, f"{self.page.url}\n" + "\n".join(words)

    async def check_width(self) -> None:
        """Fail if the page is wider than the window: nobody should scroll sideways."""
        over = await self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert over <= 0, f"{self.page.url} is {over} pixels too wide"

    async def until(self, expression: str) -> None:
        """Wait until the expression is true. Playwright's own wait would need `unsafe-eval`."""
        async with asyncio.timeout(WITHIN_MS / 1000):
            while not await self.page.evaluate(expression):  # noqa: ASYNC110  # the page can't call us
                await asyncio.sleep(0.05)

    async def headline(self) -> str:
        """The first heading."""
        return await self.page.locator("h1").inner_text()


@asynccontextmanager
async def visiting(
    browser: Browser,
    url: str,
    *,
    theme: str = "light",
    size: tuple[int, int] = WIDE,
    scripts: bool = True,
) -> AsyncIterator[Visit]:
    """A visitor of the facade at `url`."""
    context = await browser.new_context(
        base_url=url,
        color_scheme="dark" if theme == "dark" else "light",
        viewport={"width": size[0], "height": size[1]},
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(WITHIN_MS)
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    await context.add_init_script(_REPORTS)
    visit = Visit(context, await context.new_page())
    visit.watch(visit.page)
    context.on("page", visit.watch)
    try:
        yield visit
        visit.check()
    finally:
        await context.close()
