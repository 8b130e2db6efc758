"""The page `/docs` in a browser: readable in both themes and at both widths, and its policy refuses nothing of it."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.chromium import NARROW, THEMES, WIDE, visiting
from tests.browser.conftest import Site

_SHORTEN = """
for (const title of document.querySelectorAll("h2")) {
  let next = title.nextElementSibling;
  for (let count = 0; next && next.tagName !== "H2"; count++) {
    const after = next.nextElementSibling;
    if (count > 4) next.remove();
    next = after;
  }
}
document.querySelectorAll("nav li:nth-child(n + 5)").forEach((each) => each.remove());
"""
pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(("theme", "size"), [(THEMES[0], WIDE), (THEMES[1], NARROW)])
async def test_it_has_no_violation_and_fits(browser: Browser, free: Site, theme: str, size: tuple[int, int]) -> None:
    async with visiting(browser, free.url, theme=theme, size=size) as visit:
        await visit.page.goto("/docs")
        await visit.page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        await visit.check_width()
        # axe takes seconds for all the tables of one kind: a few of each kind are left.
        await visit.page.evaluate(_SHORTEN)
        await visit.check_axe()


async def test_it_is_read_without_scripts(browser: Browser, keyed: Site) -> None:
    async with visiting(browser, keyed.url, scripts=False) as visit:
        await visit.page.goto("/docs")
        await visit.page.get_by_role("link", name="video-completions").click()
        completions = visit.page.locator("#videoCompletions")
        await completions.locator("summary").first.click()
        await expect(completions.locator("pre").first).to_contain_text('"ce-type": "reelbus.video.succeeded.v1"')
        family = await visit.page.locator("pre").first.evaluate("each => getComputedStyle(each).fontFamily")
        assert "monospace" in family, "the policy lets the page's own style apply"
