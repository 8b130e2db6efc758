"""The storyboard's checks, the names of its jobs, and its cut: pure."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.domain.film import (
    Film,
    FilmState,
    SceneJob,
    after_scenes,
    film_completion,
    film_of_record,
    record_of,
    scene_job_id,
)
from schemas.domain.film_cut import cuts_of, film_name, length_s
from schemas.domain.job import new_job
from schemas.domain.states import JobState
from schemas.errors import Category, Charged, Failure, Invalid, NewerRecord
from schemas.wire.film import FilmRequest, check_cut, encode_film_completion, encode_film_request, film_id_of
from schemas.wire.validation import to_invalid

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
CROSSFADE = {"kind": "crossfade", "seconds": 0.5}


def board(*scenes: dict[str, Any], **more: Any) -> FilmRequest:
    named = [{"name": f"s{number}", "prompt": "a slow pan over a desk", **each} for number, each in enumerate(scenes)]
    return FilmRequest.model_validate({"film_id": "ad", "scenes": named, **more})


def film_of(request: FilmRequest, *, seconds: int = 6) -> Film:
    entries = tuple(
        SceneJob(name=it.name, job_id=f"ad-{it.name}", seconds=seconds, price_usd=1) for it in request.scenes
    )
    return Film(film_id="ad", request=request, scenes=entries, created_at=NOON, changed_at=NOON)


def refused(**fields: Any) -> str:
    body = {"film_id": "ad", "scenes": [{"name": "one", "prompt": "a slow pan over a desk"}], **fields}
    with pytest.raises(ValidationError) as raised:
        FilmRequest.model_validate(body)
    return str(to_invalid(raised.value))


def test_a_crossfade_eats_into_both_scenes() -> None:
    """Five clips of 6 s with four crossfades of 0.5 s make 28 s."""
    request = board({}, *[{"transition": CROSSFADE}] * 4)
    cuts = cuts_of(film_of(request))
    assert length_s(cuts) == 28
    assert [cut.start_ms for cut in cuts] == [0, 5500, 11_000, 16_500, 22_000]


def test_a_dropped_scene_leaves_no_fade_that_is_too_long() -> None:
    parts = {"trim": {"end": 1}}, {"transition": {"kind": "crossfade", "seconds": 3}}, {"transition": CROSSFADE}
    request = board(parts[0], *parts[1:])
    film = film_of(request).begin_join(NOON, ["s0"])
    assert [(cut.name, cut.kind, cut.fade_ms) for cut in cuts_of(film)] == [("s1", "cut", 0), ("s2", "crossfade", 500)]
    short = film_of(board({}, {}, {"transition": {"kind": "crossfade", "seconds": 3}}), seconds=6)
    shortened = short.model_copy(
        update={"scenes": (short.scenes[0].model_copy(update={"seconds": 1}), *short.scenes[1:])}
    )
    assert cuts_of(shortened.begin_join(NOON, ["s1"]))[1].fade_ms == 500


def test_a_scene_is_named_by_what_it_contains() -> None:
    def job_id(request: FilmRequest, index: int, caller: str | None = None) -> str:
        scene = request.scenes[index]
        return scene_job_id("ad", request.request_of(scene, "x"), scene.take, caller)

    request = board({}, {"prompt": "another slow pan over a desk"})
    same = job_id(request, 0)
    assert same.startswith("ad-")
    assert len(same) == len("ad-") + 12
    moved = board({"prompt": "another slow pan over a desk"}, {"transition": CROSSFADE, "trim": {"end": 2}}, revision=9)
    assert job_id(moved, 1) == same, "place, transition, trim and revision decide nothing about the picture"
    others = {"take": 2}, {"seed": 1}, {"quality": "quality"}, {"duration_seconds": 7}, {"generate_audio": False}
    found = {job_id(board(other), 0) for other in others}
    assert len(found | {same, job_id(request, 1), job_id(request, 0, "acme"), job_id(request, 0, "zebra")}) == 9


def test_a_scene_request_carries_nothing_of_its_place() -> None:
    request = board({}, project_id="p7", max_cost_usd=3).request_of(board({}).scenes[0], "ad-1")
    assert set(request.model_dump(exclude_defaults=True)) <= {"job_id", "prompt", "project_id", "duration_seconds"}


def test_defaults_hold_unless_a_scene_says_otherwise() -> None:
    request = board(
        {}, {"quality": "fast", "duration_seconds": 3}, defaults={"quality": "quality", "resolution": "1080p"}
    )
    made = [request.request_of(scene, "x") for scene in request.scenes]
    assert [(it.quality, it.duration_seconds, it.resolution) for it in made] == [
        ("quality", 5, "1080p"),
        ("fast", 3, "1080p"),
    ]


def test_what_is_refused_names_the_field_and_the_limit() -> None:
    assert refused(film_id="a/b").startswith("film_id")
    assert refused(scenes=[]) == "scenes must have at least 1 entry, not 0"
    assert refused(revision=0) == "revision must be at least 1, not 0"
    assert refused(on_scene_failure="explode").startswith("on_scene_failure must be")
    assert refused(sceens=1) == "sceens is not a known key"
    one = {"name": "one", "prompt": "a slow pan over a desk"}
    assert refused(scenes=[one, one]) == "scenes must have unique names, and one is given twice"
    assert refused(scenes=[{**one, "continue_from_next": True}]).endswith("is not a known key")
    assert (
        refused(scenes=[{**one, "name": f"s{n}"} for n in range(61)]) == "scenes must have at most 60 entries, not 61"
    )
    short = board({}, {"prompt": "x"})
    with pytest.raises(Invalid, match=r"scenes\.1\.prompt must have at least 10 characters") as raised:
        short.request_of(short.scenes[1], "x")
    assert raised.value.field == "scenes.1.prompt"


@pytest.mark.parametrize(
    ("scenes", "field"),
    [
        ([{"transition": CROSSFADE}], "scenes.0.transition.kind"),
        ([{}, {"transition": {"kind": "crossfade", "seconds": 3.1}}], "scenes.1.transition.seconds"),
        ([{}, {"transition": {"kind": "fade_black", "seconds": 3.1}}], "scenes.1.transition.seconds"),
        ([{"trim": {"end": 7}}], "scenes.0.trim.end"),
        ([{"trim": {"start": 5.8}}], "scenes.0.trim"),
        ([{"trim": {"start": 3, "end": 2}}], "scenes.0.trim"),
    ],
)
def test_a_cut_that_does_not_fit_is_refused(scenes: list[dict[str, Any]], field: str) -> None:
    with pytest.raises(Invalid) as raised:
        check_cut(board(*scenes), [6] * len(scenes))
    assert raised.value.field == field


def name_of(film: Film) -> str:
    return film_name(film, cuts_of(film))


def test_the_name_of_the_file_follows_the_cut() -> None:
    first, again = film_of(board({}, {})), film_of(board({}, {}, revision=2, max_cost_usd=3))
    assert name_of(first) == name_of(again)
    assert name_of(first) != name_of(film_of(board({}, {"transition": CROSSFADE})))
    assert name_of(first).startswith("generated-videos/film_ad-")


def test_the_name_of_the_file_follows_the_words() -> None:
    spoken = {"scene": {"script": "Hello."}}
    title = {"before": "s0", "text": "Spring"}
    parts: list[dict[str, Any]] = [
        {},
        {"titles": [title]},
        {"titles": [{**title, "text": "Summer"}]},
        {"captions": {"from": "script"}},
        {"captions": {"from": "script", "burn_in": True}},
    ]
    names = {name_of(film_of(board(spoken, **part))) for part in parts}
    assert len(names) == len(parts)
    beside = name_of(film_of(board(spoken, captions={"sidecar": ["srt"]})))
    assert beside in names, "a file beside the film does not make it another film"
    assert "captions" in board(spoken, captions={}).body()


@pytest.mark.parametrize("audio", [{"normalise_lufs": -20}, {"normalise_lufs": None}, {"true_peak_dbtp": -2}])
def test_the_name_of_the_file_follows_the_sound(audio: dict[str, Any]) -> None:
    plain, other = film_of(board({}, {})), film_of(board({}, {}, audio=audio))
    assert name_of(plain) == name_of(film_of(board({}, {}, audio={"normalise_lufs": -16, "true_peak_dbtp": -1.5})))
    assert name_of(plain) != name_of(other)
    assert "audio" not in plain.request.body(), "the release before can read a film that asks for nothing"
    assert film_of_record(record_of(other), "1").request.audio == other.request.audio


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        ({"normalise_lufs": -3}, "audio.normalise_lufs must be at most -9, not -3"),
        ({"normalise_lufs": "loud"}, "audio.normalise_lufs must be a number"),
        ({"true_peak_dbtp": 0.5}, "audio.true_peak_dbtp must be at most 0, not 0.5"),
        ({"true_peak_dbtp": float("nan")}, "audio.true_peak_dbtp must be a finite number"),
        ({"loudness": -16}, "audio.loudness is not a known key"),
    ],
)
def test_a_sound_that_can_not_be_made_is_refused(audio: dict[str, Any], words: str) -> None:
    assert refused(audio=audio) == words


def test_a_record_is_read_back_and_keeps_what_it_does_not_know() -> None:
    film = film_of(board({}, {"transition": CROSSFADE}, max_cost_usd=Decimal("1.5")))
    assert film_of_record(record_of(film), "7") == film.model_copy(update={"stored_revision": "7"})
    newer = record_of(film).replace('{"film_id"', '{"shots":3,"film_id"', 1)
    assert '"shots":3' in record_of(film_of_record(newer, "8"))
    with pytest.raises(NewerRecord):
        film_of_record(record_of(film).replace('"planned"', '"paused"'), "9")


def test_the_same_storyboard_is_the_same_whatever_it_may_cost() -> None:
    assert board({}, max_cost_usd=3).is_same(board({}))
    assert not board({}).is_same(board({"seed": 3}))


def test_messages_name_the_film_and_have_types_of_their_own() -> None:
    asked = encode_film_request("ad", 2, at=NOON)
    assert (film_id_of(asked), asked.attributes["ce-type"]) == ("ad", "reelbus.film.requested.v1")
    assert "job_id" not in asked.attributes
    held = film_of(board({})).end(NOON, FilmState.HELD)
    told = encode_film_completion(film_completion(held), holds=held.holds, at=NOON)
    assert (told.attributes["ce-type"], told.attributes["ce-id"]) == ("reelbus.film.held.v1", "ad.1.film.held.1")


def test_an_end_is_announced_although_the_film_goes_on_before_a_worker_looks() -> None:
    held = film_of(board({})).end(NOON, FilmState.HELD)
    cancelled = held.end(NOON, FilmState.CANCELLED)
    revised = cancelled.revise(NOON, board({}, revision=2), held.scenes)
    assert [(end.completion.state, end.completion.revision) for end in revised.due_ends] == [
        ("held", 1),
        ("cancelled", 1),
    ]
    assert film_of_record(record_of(revised), "7").due_ends == revised.due_ends
    assert revised.note_earlier_announced(NOON).due_ends == ()
    assert revised.end(NOON, FilmState.FAILED).note_announced(NOON).due_ends == ()
    for revision in range(3, 50):
        revised = revised.end(NOON, FilmState.CANCELLED).revise(NOON, board({}, revision=revision), held.scenes)
    assert [end.completion.revision for end in revised.due_ends] == list(range(29, 49))


@pytest.mark.parametrize(
    ("policy", "state", "code"),
    [("fail", FilmState.FAILED, "scene_failed"), ("hold", FilmState.HELD, "scene_failed")],
)
def test_a_film_that_was_held_in_doubt_follows_its_policy_once_the_doubt_is_resolved(
    policy: str, state: FilmState, code: str
) -> None:
    doubt = Failure(category=Category.UPSTREAM, code="scene_unresolved", message="In doubt.", charged=Charged.NO)
    held = film_of(board({}, on_scene_failure=policy)).end(NOON, FilmState.HELD, doubt).note_announced(NOON)
    job = new_job(held.requests["ad-s0"], NOON).model_copy(update={"state": JobState.FAILED})
    after = after_scenes(held, [job], NOON)
    assert after.failure
    assert (after.state, after.failure.code, after.announce_due) == (state, code, True)
    again = after.note_announced(NOON)
    assert after_scenes(again, [job], NOON) is again or state is FilmState.FAILED


def test_an_error_names_the_defaults_that_the_value_came_from() -> None:
    one = {"name": "one", "prompt": "a slow pan over a desk"}
    request = FilmRequest.model_validate(
        {
            "film_id": "f",
            "defaults": {"seed": 7, "resolution": "4k"},
            "scenes": [one, {**one, "name": "two", "seed": 8}],
        }
    )
    about = [(scene, Invalid("seed can't be given", field="seed")) for scene in request.scenes]
    assert [str(request.locate(error, scene)) for scene, error in about] == [
        "defaults.seed can't be given",
        "scenes.1.seed can't be given",
    ]
    located = request.locate(Invalid("resolution must be 720p", field="resolution"), request.scenes[1])
    assert (located.field, str(located)) == ("defaults.resolution", "defaults.resolution must be 720p")
    assert str(request.locate(Invalid("no model can make it"), request.scenes[1])) == "scenes.1: no model can make it"
