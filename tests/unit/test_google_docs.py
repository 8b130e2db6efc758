"""The settings that `docs/google-cloud.md` writes are taken, and lead to links that can be opened."""

import re
from decimal import Decimal
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from infra.gcp.settings import bucket_settings, database_in, project_in
from infra.gcp.vertex.models import MODELS
from schemas.domain.object_names import FINALS, POSTERS
from schemas.wire.types import LANES
from subscriber.courier.courier import POLL_S
from subscriber.films.director import LOOK_EVERY_S as FILMS_EVERY_S
from subscriber.parking import IDLE_LOOK_EVERY_S
from subscriber.settings import WorkerSettings
from subscriber.worker import BEAT_EVERY_S

PAGE = Path(__file__).parents[2] / "docs" / "google-cloud.md"
NAMES = {"PROJECT": "my-project", "BUCKET": "my-project-videos", "REGION": "us-central1"}


def test_the_settings_of_the_page_sign_links_as_its_service_account() -> None:
    text = PAGE.read_text()
    lines = text.partition("cat > .env <<END\n")[2].partition("\nEND\n")[0].splitlines()
    settings = dict(Template(line).substitute(NAMES).split("=", 1) for line in lines)
    videos = bucket_settings(urlsplit(settings["REELBUS_VIDEOS"]))
    signer = "reelbus@my-project.iam.gserviceaccount.com"
    assert (videos.bucket, videos.signed, videos.signer) == ("my-project-videos", True, signer)
    assert "roles/iam.serviceAccountTokenCreator" in text
    assert "iamcredentials.googleapis.com" in text
    assert project_in(urlsplit(settings["REELBUS_BUS"])) == "my-project"
    assert database_in(urlsplit(settings["REELBUS_JOBS"])) == ("my-project", "(default)")


def test_the_public_variant_publishes_the_folders_with_links_and_no_other() -> None:
    (folders,) = re.findall(r"for folder in (.+); do", PAGE.read_text())
    assert {f"{folder}/" for folder in folders.split()} == {FINALS, POSTERS}


def _amounts(heading: str) -> dict[str, float]:
    """The last column of a table, by the first word of its row."""
    table = PAGE.read_text().partition(f"| {heading}")[2].partition("\n\n")[0]
    rows = [re.split(r"\s*\|\s*", row.strip("| *")) for row in table.splitlines()[2:]]
    amounts = {row[0].strip("*"): row[-1].strip("*").removeprefix("about ").replace(",", "") for row in rows}
    return {name: float(amount) for name, amount in amounts.items() if not amount.startswith("below")}


def test_what_a_month_costs_is_the_sum_of_its_rows() -> None:
    month_s = 730 * 3600
    cpu, memory = 0.000018 * month_s, 0.000002 * month_s
    amounts = _amounts("idle, a month of 730 hours")
    together = amounts.pop("together")
    facade, workers = (amount for amount in amounts.values() if amount)
    assert facade == round(cpu + memory)
    assert workers == round(2 * (2 * cpu + 4 * memory))
    assert abs(together - facade - workers) <= 1
    assert f"{cpu + 2 * memory:.0f} instead of {workers:.0f}" in PAGE.read_text()
    assert f"one more instance with 1 CPU and 1 GiB:\n{facade:.0f} more" in PAGE.read_text()


def test_what_idle_workers_read_and_write_is_counted_from_their_pauses() -> None:
    """On Firestore a query without a result is one read."""
    a_day, workers = 24 * 3600, 2
    reconciles = a_day / WorkerSettings(_env_file=None).reconcile_every_s
    reads = reconciles + a_day / FILMS_EVERY_S + len(LANES) * a_day / IDLE_LOOK_EVERY_S
    text = PAGE.read_text()
    assert f"{workers * a_day / BEAT_EVERY_S:,.0f} writes and about {workers * reads:,.0f} reads a day" in text
    assert workers * reads <= 50_000
    assert f"{workers * 2 * a_day / POLL_S:,.0f} reads a day more" in text  # the earliest delivery, twice a look


def test_what_a_thousand_videos_cost_is_the_price_of_their_models() -> None:
    amounts = _amounts("1,000 videos of 8 s at 720p with sound")
    for name, amount in amounts.items():
        if model := MODELS.get(name.removeprefix("… or ")):
            assert Decimal(amount) == 8000 * model.rates["720p"].audio
    assert sum(name.removeprefix("… or ") in MODELS for name in amounts) == 3
