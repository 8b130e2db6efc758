"""What the pages show: whatever a caller wrote, as text; and what streams send."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from publisher.console.assets import Assets
from publisher.console.rendering import to_duration, to_usd
from publisher.plan import show_seconds
from schemas.errors import Category, Charged, Failure
from tests.facade.doors import Door, door_to, settings_for
from tests.facade.hand import Hand

HOSTILE = "<script>alert(1)</script> {{7*7}} \"' <hx-partial hx-target='body'>"
TEMPLATES = Path(__file__).resolve().parents[2] / "publisher" / "console" / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
FORM = {"Origin": "http://localhost", "Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize("path", ["/new", "/jobs", "/spend", "/trouble", "/health", "/jobs/unknown", "/nowhere"])
async def test_each_page_has_the_policy_and_is_not_kept(door: Door, path: str) -> None:
    answer = await door.client.get(f"/console{path}")
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize("template", sorted(TEMPLATES.iterdir()), ids=lambda path: path.name)
def test_no_template_trusts_a_text_or_has_inline_code(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", text)
    assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|hx-on|\bjs:|<style|<script>", text)


def test_the_files_are_small_and_have_their_licence() -> None:
    assets = Assets()
    assert assets.size_bytes < 100_000
    assert b"Zero-Clause BSD" in assets.response("htmx-4.0.1.LICENSE.txt").body


async def test_hostile_texts_are_shown_as_texts(door: Door, hand: Hand) -> None:
    job_id = await door.queued(prompt=HOSTILE, project_id="<b>")
    await hand.take()
    failure = Failure(category=Category.INTERNAL, code="broke", message=HOSTILE, charged=Charged.NO)
    await hand.fail(job_id, failure)
    for path in ("/jobs", f"/jobs/{job_id}", "/jobs?q=%3Cscript%3Ealert(1)", "/jobs?state=%3Cscript%3Ealert(1)"):
        page = (await door.client.get(f"/console{path}")).text
        assert "<script>alert" not in page
        assert "<hx-partial" not in page
        assert "{{7*7}}" in page or "q=" in path or "state=" in path


async def test_a_stream_sends_what_changed_and_ends_with_the_job(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    page = (await door.client.get(f"/console/jobs/{job_id}")).text
    (address,) = re.findall(r'hx-sse:connect="([^"]+)"', page)
    await hand.finish(await hand.take())
    stream = (await door.client.get(address)).text
    assert 'id="job-state" aria-labelledby="state-title" hx-swap-oob="outerMorph"' in stream
    assert "The job has ended: succeeded." in stream
    assert stream.count("event: done") == 1
    (last,) = set(re.findall(r"^id: (\w+)", stream, re.MULTILINE))
    again = (await door.client.get(address, headers={"Last-Event-ID": last})).text
    assert "job-state" not in again, "a page that shows the present is sent nothing"


async def test_a_page_of_a_finished_job_has_no_stream(door: Door, hand: Hand) -> None:
    job_id = await door.queued()
    await hand.finish(await hand.take())
    assert "hx-sse:connect" not in (await door.client.get(f"/console/jobs/{job_id}")).text


async def test_a_form_makes_one_job_for_the_price_that_it_names(door: Door) -> None:
    fields = {
        "prompt": "A kite over the dunes at noon",
        "duration_seconds": "2",
        "job_id": "kite",
        "generate_audio": "on",
    }
    answer = await door.client.post("/console/new", data=fields, headers=FORM)
    assert "Make the video, free" in answer.text
    assert await door.desk.jobs.get("kite") is None
    for _ in range(2):
        answer = await door.client.post("/console/new", data={**fields, "agreed_usd": "0"}, headers=FORM)
        assert (answer.status_code, answer.headers["location"]) == (303, "/console/jobs/kite")
    job = await door.desk.jobs.get("kite")
    assert job is not None
    assert (job.request.duration_seconds, job.request.max_cost_usd) == (2, Decimal(0))
    other = {**fields, "prompt": "Another kite over the dunes", "agreed_usd": "0"}
    answer = await door.client.post("/console/new", data=other, headers=FORM)
    assert answer.status_code == 409
    assert "made a video already" in answer.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "short"}, "prompt must have at least 10 characters"),
        ({"prompt": "A kite over the dunes", "duration_seconds": "31"}, "duration_seconds must be at most 30, not 31"),
        ({"prompt": "A kite over the dunes", "labels": "one"}, "labels must be lines with key=value"),
        ({"prompt": "A kite over the dunes", "project_id": "a b"}, "project_id must have 1 to 128 characters"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_is_lost(door: Door, fields: dict[str, str], words: str) -> None:
    answer = await door.client.post("/console/new", data={**fields, "agreed_usd": "0"}, headers=FORM)
    assert answer.status_code == 400
    assert words in answer.text
    assert fields["prompt"] in answer.text


@pytest.mark.parametrize(
    "body", [b"--x", b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"b" * 200_000 + b"\r\n--x--"]
)
async def test_a_form_that_can_not_be_read_is_refused(door: Door, body: bytes) -> None:
    headers = {**FORM, "Content-Type": "multipart/form-data; boundary=x"}
    assert (await door.client.post("/console/new", content=body, headers=headers)).status_code in (200, 400)
    assert (
        await door.client.post("/console/new", content=b"{}", headers={**FORM, "Content-Type": "application/json"})
    ).status_code == 415


async def test_links_have_the_path_of_the_public_url(tmp_path: Path) -> None:
    async with door_to(settings_for(tmp_path, public_url="https://video.example.com/reel")) as door:
        page = (await door.client.get("/reel/console/jobs", headers={"Host": "video.example.com"})).text
        assert 'href="/reel/console/new"' in page
        assert 'href="/console' not in page


async def test_files_of_the_console_are_kept_by_browsers(door: Door) -> None:
    answer = await door.client.get("/console/static/console.css?v=1")
    assert "immutable" in answer.headers["cache-control"]
    assert (await door.client.get("/console/static/unknown.css")).status_code == 404


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0.4 s"), (4, "4 s"), (100, "100 s"), (600, "10 min"), (9000, "2 h"), (400_000, "5 days")],
)
def test_durations(seconds: float, words: str) -> None:
    assert to_duration(seconds) == words


@pytest.mark.parametrize(("amount", "words"), [(0, "$0.00"), (0.4, "$0.40"), (1234.5, "$1234.50"), (0.125, "$0.125")])
def test_amounts(amount: float, words: str) -> None:
    assert to_usd(amount) == words


@pytest.mark.parametrize(("seconds", "words"), [(5, "5 s"), (12.5, "12.5 s"), (1234.567, "1234.567 s"), (30.0, "30 s")])
def test_a_length_is_as_exact_as_on_the_command_line(seconds: float, words: str) -> None:
    assert show_seconds(seconds) == words
