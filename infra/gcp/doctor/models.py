"""Looks at the models of Vertex AI that the settings name: known here, offered there, and known to Google.

Google is asked for the model's card, which is free: https://cloud.google.com/vertex-ai/docs/reference/rest/v1beta1/publishers.models
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import SplitResult

import httpx

from infra.gcp.doctor.account import Account
from infra.gcp.vertex.client import endpoint_of
from infra.gcp.vertex.models import FAST, GLOBAL, MODELS, QUALITY, Model
from infra.gcp.vertex.operations import Location
from infra.gcp.vertex.planning import check_location, retirement_warning
from infra.gcp.vertex.prices import read_prices
from infra.look import one_line
from schemas.errors import Invalid
from schemas.ports.findings import Finding
from schemas.settings import Addresses


def examine_models(address: SplitResult, settings: Addresses, account: Account) -> Iterator[Finding]:
    """Look at each model of the settings. No request is sent that could be paid."""
    try:
        read_prices(settings.prices)
    except Invalid as error:
        yield Finding.wrong("prices", settings.prices, one_line(error), "correct the file that REELBUS_PRICES names")
    if not settings.videos_url.startswith("gs://"):
        words = "Vertex AI writes the clips into a bucket, and the video store is none"
        yield Finding.wrong("settings", "REELBUS_VIDEOS", words, "set REELBUS_VIDEOS=gs://BUCKET")
    for setting, ids in _ids_in(settings).items():
        for id in ids:
            yield from examine_model(setting, id, address, settings, account)


def regions_of(address: SplitResult, settings: Addresses) -> frozenset[str]:
    """Return the regions in which the models of the settings are called, without `global`."""
    models = [MODELS[id] for ids in _ids_in(settings).values() for id in ids if id in MODELS]
    return frozenset(_region_of(model, address) for model in models) - {GLOBAL}


def is_anonymous(settings: Addresses) -> bool:
    """Return True if the models are called without credentials, as a stand-in is."""
    return _base_url(settings).startswith("http://")


def _base_url(settings: Addresses) -> str:
    return settings.vertex_base_url or os.environ.get("GOOGLE_VERTEX_BASE_URL", "")


def _ids_in(settings: Addresses) -> dict[str, tuple[str, ...]]:
    """Return the ids by their setting, each id once."""
    lists = {
        "REELBUS_FAST_MODELS": (settings.fast_models, FAST),
        "REELBUS_QUALITY_MODELS": (settings.quality_models, QUALITY),
    }
    seen = set[str]()
    found = dict[str, tuple[str, ...]]()
    for setting, (text, usual) in lists.items():
        ids = tuple(id.strip() for id in text.split(",") if id.strip()) or usual
        found[setting] = tuple(id for id in ids if id not in seen)
        seen.update(ids)
    return found


def _region_of(model: Model, address: SplitResult) -> str:
    return GLOBAL if model.region == GLOBAL else address.path.strip("/") or model.region


def examine_model(
    setting: str, id: str, address: SplitResult, settings: Addresses, account: Account
) -> Iterator[Finding]:
    """Look at one model of a setting."""
    if id not in MODELS:
        words = f"{setting} names it, and this version knows only {', '.join(MODELS)}"
        yield Finding.wrong("model", id, words, f"correct {setting}")
        return
    model = MODELS[id]
    try:
        check_location(model, address.path.strip("/"), field="REELBUS_PROVIDER")
    except Invalid as error:
        yield Finding.wrong("model", id, one_line(error), "correct REELBUS_PROVIDER")
        return
    if warning := retirement_warning(model, datetime.now(UTC).date()):
        yield Finding.note("model", id, warning, f"name another one in {setting}")
    yield _ask_google(model, setting, address, settings, account)


def _ask_google(model: Model, setting: str, address: SplitResult, settings: Addresses, account: Account) -> Finding:
    """Ask Google for the model's card."""
    region = _region_of(model, address)
    base = _base_url(settings).rstrip("/") or endpoint_of(Location(project=address.netloc, location=region))
    try:
        answer = account.call("GET", f"{base}/v1beta1/publishers/google/models/{model.id}")
    except httpx.HTTPError as error:
        words = f"Vertex AI does not answer in {region}: {one_line(error)}"
        return Finding.wrong("model", model.id, words, "check the network, the proxy and REELBUS_VERTEX_BASE_URL")
    match answer.status_code:
        case 200:
            return Finding.ok("model", model.id, f"Google knows it in {region}")
        case 404:
            words = f"Google does not know it in {region}: retired, or not offered to this project"
            return Finding.wrong("model", model.id, words, f"name another one in {setting}")
        case 401 | 403:
            words = f"Google refuses the question ({answer.status_code}): {_message_of(answer)}"
            enable = f"gcloud services enable aiplatform.googleapis.com --project {address.netloc}"
            return Finding.wrong("model", model.id, words, f"{enable}, and grant roles/aiplatform.user")
        case _:
            words = f"Google answered {answer.status_code}: {_message_of(answer)}"
            return Finding.skip("model", model.id, words)


def _message_of(answer: httpx.Response) -> str:
    """Return Google's own sentence, or the first characters of another answer."""
    try:
        return " ".join(str(answer.json()["error"]["message"]).split())[:200]
    except (ValueError, KeyError, TypeError):
        return " ".join(answer.text.split())[:200] or "nothing"
