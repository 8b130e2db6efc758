"""The suite for video models catches every broken model. The same cases pass with a wrapper that breaks nothing."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.errors import ReelbusError
from schemas.ports import VideoModel
from tests.contract import test_video_model as suite
from tests.contract.model_mutants import MUTANTS, Wrapper
from tests.contract.video_models import FAMILIES, Boot, ModelBackend

CAUGHT = (AssertionError, pytest.fail.Exception, ReelbusError, httpx.HTTPError)
"""What a case raises for a broken model: a failed check, or an error that must not come out of it."""
Wrap = Callable[[type[Wrapper]], ModelBackend]


@pytest.fixture
async def wrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Wrap]:
    """Returns the backend of a paid family, whose models are all wrapped."""
    family = FAMILIES["veo"]
    if family.shorten_answers:
        family.shorten_answers(monkeypatch)
    async with family.open_backend(tmp_path) as real:

        def wrap(mutant: type[Wrapper]) -> ModelBackend:
            async def open_at(url: str, boot: Boot) -> VideoModel:
                return mutant(await real.open_at(url, boot))

            return replace(real, open_at=open_at)

        yield wrap


async def _run(case: str, parameter: str, backend: ModelBackend) -> None:
    """Run one case of the suite with this backend."""
    function: Callable[..., Awaitable[None]] = getattr(suite, case)
    given: dict[str, Any] = {"backend": backend, "paid": backend, "case": parameter}
    await function(**{name: given[name] for name in inspect.signature(function).parameters})


@pytest.mark.slow  # the suite itself runs these cases with the model as it is; this guards the wrapper only
@pytest.mark.parametrize(("case", "parameter"), sorted(set(MUTANTS.values())))
async def test_the_case_passes_with_the_real_model(wrap: Wrap, case: str, parameter: str) -> None:
    await _run(case, parameter, wrap(Wrapper))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
async def test_the_mutant_is_caught(wrap: Wrap, mutant: type[Wrapper]) -> None:
    with pytest.raises(CAUGHT):
        await _run(*MUTANTS[mutant], wrap(mutant))


async def test_a_connection_that_is_kept_is_caught(wrap: Wrap, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = httpx.AsyncHTTPTransport()

    @asynccontextmanager
    async def use_kept(**_: object) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        yield kept

    monkeypatch.setattr(httpx, "AsyncHTTPTransport", use_kept)
    with pytest.raises(AssertionError):
        await suite.test_a_submit_is_one_post_on_a_new_connection(wrap(Wrapper))
    await kept.aclose()
