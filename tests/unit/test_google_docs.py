"""The settings that `docs/google-cloud.md` writes are taken, and lead to links that can be opened."""

import re
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

from infra.gcp.settings import bucket_settings, database_in, project_in
from schemas.domain.object_names import FINALS, POSTERS

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
