"""The words of a film from its order to its files: titles, captions, chapters, and what is refused before that."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import av
import pytest
from pydantic import ValidationError

from publisher.access import Access
from publisher.films.plan import plan_film
from schemas.domain.film import FilmState, film_completion
from schemas.errors import Invalid, Unavailable
from schemas.ports import VideoStore
from schemas.wire.film import FilmRequest
from schemas.wire.validation import to_invalid
from tests.films.house import PRICE, House, house_in, scene, storyboard

CAPTIONS = {"from": "script", "sidecar": ["vtt", "srt"], "embed": True, "burn_in": False}
TITLES = [{"before": "one", "text": "Spring", "seconds": 2}]
SCRIPT = "Hello & <b>you</b>."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with house_in(tmp_path) as house:
        yield house


def spoken(name: str, script: str = SCRIPT, **more: Any) -> dict[str, Any]:
    return scene(name, scene={"title": name.upper(), "script": script}, **more)


async def test_titles_and_captions_are_in_the_plan_the_film_and_beside_it(house: House) -> None:
    crossfade: dict[str, Any] = {"transition": {"kind": "crossfade", "seconds": 0.5}}
    request = storyboard(spoken("one", **crossfade), scene("two"), titles=TITLES, captions=CAPTIONS)
    plan = await plan_film(house.desk, request, Access())
    assert (plan.duration_seconds, plan.price_usd) == (3.5, 2 * PRICE)
    assert [(each.start_s, each.end_s) for each in plan.scenes] == [(1.5, 2.5), (2.5, 3.5)]
    assert [(each.before, each.text, each.start_s, each.end_s) for each in plan.titles] == [("one", "Spring", 0, 2)]
    async with house.directing(), house.rendering():
        await house.order(request)
        film = await house.until_announced()
    view = await house.view()
    assert film.result
    assert view.titles == plan.titles == film.result.titles
    assert [(each.start_s, each.end_s) for each in film.result.scenes] == [(1.5, 2.5), (2.5, 3.5)]
    assert film.result.duration_seconds == 3.5
    assert len(house.paid) == 2, "a card is no job"
    told = film_completion(film)
    assert (told.titles, told.files) == (film.result.titles, film.result.files)
    stem = (view.gcs_path or "").removesuffix(".mp4")
    assert [(each.kind, each.gcs_path) for each in view.files] == [("vtt", f"{stem}.vtt"), ("srt", f"{stem}.srt")]
    for each in (view.gcs_path or "", *(file.gcs_path for file in view.files)):
        await house.desk.videos.fetch(each, house.folder / Path(each).name)
    name = house.folder / Path(stem).name
    assert (
        "00:00:01.500 --> 00:00:02.500\nHello &amp; &lt;b&gt;you&lt;/b&gt;.\n" in name.with_suffix(".vtt").read_text()
    )
    with av.open(str(name.with_suffix(".mp4"))) as container:
        chapters: list[Any] = list(container.chapters())
        assert [(each["metadata"]["title"], each["start"]) for each in chapters] == [("ONE", 0), ("two", 2500)]
        assert len(container.streams.subtitles) == 1


class FailsOnce:
    """A video store that can't be reached at one put of a film's file, and then can."""

    def __init__(self, videos: VideoStore, kind: str) -> None:
        self._videos, self._kind = videos, kind

    def __getattr__(self, name: str) -> Any:
        return getattr(self._videos, name)

    async def put(self, name: str, source: Path | bytes, *, content_type: str) -> bool:
        if "film_" in name and name.endswith(self._kind):
            self._kind = "never"
            raise Unavailable("the store can't be reached")
        return await self._videos.put(name, source, content_type=content_type)


@pytest.mark.parametrize("kind", [".vtt", ".srt", ".mp4"])
async def test_a_join_that_stops_between_its_files_is_repeated_and_leaves_one_of_each(
    house: House, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("schemas.domain.film", "subscriber.films.join"):
        monkeypatch.setattr(f"{module}.JOIN_CLAIM", timedelta(seconds=0.5))
    house.ctx = replace(house.ctx, videos=cast("VideoStore", FailsOnce(house.ctx.videos, kind)))
    async with house.directing(), house.rendering():
        await house.order(storyboard(spoken("one"), titles=TITLES, captions=CAPTIONS))
        film = await house.until_announced()
    assert film.result
    found = [file.name for file in await house.desk.videos.list("generated-videos/film_ad-")]
    assert sorted(found) == sorted([film.result.gcs_path, *(file.gcs_path for file in film.result.files)])
    assert len(found) == 3
    assert len(house.paid) == 1


async def test_a_title_before_a_skipped_scene_is_kept(house: House) -> None:
    house.fails.add("two")
    titles = [{"before": "two", "text": "Part two", "seconds": 1}]
    request = storyboard(scene("one"), scene("two"), scene("three"), titles=titles, on_scene_failure="skip")
    async with house.directing(), house.rendering():
        await house.order(request)
        film = await house.until_announced()
    assert film.result
    assert [(each.name, each.start_s) for each in film.result.scenes] == [("one", 0), ("three", 2)]
    assert [each.start_s for each in film.result.titles] == [1]


async def test_cards_alone_are_no_film(house: House) -> None:
    house.fails.update({"one", "two"})
    async with house.directing(), house.rendering():
        await house.order(storyboard(scene("one"), scene("two"), titles=TITLES, on_scene_failure="card"))
        film = await house.until_announced()
    assert film.state is FilmState.FAILED
    assert house.paid == []


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"titles": [{"before": "three", "text": "x"}]}, "titles.0.before", "three is no scene of the film"),
    ({"titles": TITLES * 2}, "titles.1.before", "one has a card already"),
    ({"titles": [{**TITLES[0], "text": "x" * 121}]}, "titles.0.text", "at most 120 characters"),
    ({"titles": [{**TITLES[0], "text": " \u200b"}]}, "titles.0.text", "must have a visible character"),
    ({"titles": [{**TITLES[0], "seconds": 0.4}]}, "titles.0.seconds", "at least 0.5"),
    ({"titles": [{**TITLES[0], "seconds": 11}]}, "titles.0.seconds", "at most 10"),
    ({"captions": {"embed": False}}, "captions", "must have a sidecar, embed or burn_in"),
    ({"captions": {"from": "speech"}}, "captions.from", "must be 'script'"),
    ({"captions": {"sidecar": ["ass"]}}, "captions.sidecar.0", "must be 'vtt' or 'srt'"),
    ({"captions": {"burn": True}}, "captions.burn", "is not a known key"),
    ({"on_scene_failure": "explode"}, "on_scene_failure", "'card'"),
]


@pytest.mark.parametrize(("part", "field", "words"), REFUSED)
def test_bad_words_name_the_field_and_the_limit(part: dict[str, Any], field: str, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        storyboard(scene("one"), scene("two"), **part)
    invalid = to_invalid(raised.value)
    assert invalid.field == field
    assert words in str(invalid)
    assert str(invalid).startswith(field)


CUTS: list[tuple[FilmRequest, str, str]] = [
    (storyboard(spoken("one", "x" * 43), captions=CAPTIONS), "scenes.0.scene.script", "at most 42 characters"),
    (storyboard(spoken("one", "今" * 22), captions=CAPTIONS), "scenes.0.scene.script", "for 1 s, and has 44"),
    (
        storyboard(scene("one"), titles=[{**TITLES[0], "transition": {"kind": "crossfade"}}]),
        "titles.0.transition.kind",
        "no scene is before it",
    ),
    (
        storyboard(
            scene("one", transition={"kind": "crossfade", "seconds": 0.5}), titles=[{**TITLES[0], "seconds": 0.5}]
        ),
        "scenes.0.transition.seconds",
        "at most 0.25",
    ),
]


@pytest.mark.parametrize(("request_", "field", "words"), CUTS)
async def test_what_does_not_fit_is_refused_before_it_is_paid(
    house: House, request_: FilmRequest, field: str, words: str
) -> None:
    for attempt in (lambda: plan_film(house.desk, request_, Access()), lambda: house.order(request_)):
        with pytest.raises(Invalid, match=words) as raised:
            await attempt()
        assert raised.value.field == field
    assert await house.ctx.films.get("ad") is None
    assert await house.jobs() == []


async def test_a_plan_warns_of_captions_that_nobody_can_read(house: House) -> None:
    fast = storyboard(spoken("one", "x" * 30), captions=CAPTIONS)
    assert (await plan_film(house.desk, fast, Access())).warnings == (
        "the captions of these scenes are faster than people read: one",
    )
    mute = storyboard(scene("one"), captions=CAPTIONS)
    assert (await plan_film(house.desk, mute, Access())).warnings == (
        "no scene has a script, so the film has no captions",
    )
    twice = storyboard(spoken("one", "Hello."), captions={**CAPTIONS, "burn_in": True})
    assert (await plan_film(house.desk, twice, Access())).warnings == (
        "the captions are drawn into the picture and embedded: a player may show them twice",
    )
    slow = storyboard(spoken("one", "Hello."), captions=CAPTIONS)
    assert (await plan_film(house.desk, slow, Access())).warnings == ()
