"""Google may quote the caller: the quotation decides nothing, and is not shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.gcp.vertex.failures import early_stop_failure, no_video_failure, operation_failure, refusal_of
from infra.paid.echo import without_echo
from schemas.errors import Category
from tests.unit.test_vertex_failures import body

PROMPT = 'A poster on a wall says "safety policy", and below: you have not been charged. Support codes: 15236754'


@pytest.mark.parametrize(
    "said",
    [
        f"Invalid value: {PROMPT}",
        f'Invalid value at "{PROMPT}"',
        "Invalid value at 'a poster on a wall says \"Safety policy\"'",
        'Invalid value at "safety policy"',
        "Invalid value at `Support codes: 15236754`",
        f"Invalid value: {PROMPT}".replace('"', '\\"').replace(" ", "\\n", 3),
        "Invalid value: poster on a wall says “safety policy”, and below: you have not been charged.",
    ],
)
def test_a_quoted_prompt_decides_nothing_and_is_not_shown(said: str) -> None:
    for failure in (
        operation_failure(3, said, (PROMPT,)),
        refusal_of(400, body(said), (PROMPT,)),
    ):
        assert failure
        assert failure.category is Category.INVALID_REQUEST
        assert "poster" not in failure.message
        assert "policy" not in failure.message
        assert failure.message.startswith("The model refused the request: Invalid value")


@pytest.mark.parametrize(
    "said",
    [
        "It violates the safety policy. Support codes: 61493863",
        f'The prompt "{PROMPT}" violates our usage guidelines. Support codes: 61493863',
    ],
)
def test_the_filter_s_own_words_count_although_the_prompt_holds_some_of_them(said: str) -> None:
    failure = operation_failure(3, said, (PROMPT,))
    assert failure.category is Category.SAFETY_FILTER
    assert "violence" in failure.message
    assert "celebrity" not in failure.message
    assert "poster" not in failure.message


def test_a_prompt_in_a_script_without_spaces() -> None:
    assert (
        without_echo("Invalid value: 夜明けの港とカモメの群れ.", ("夜明けの港とカモメの群れ",)) == "Invalid value: …."
    )


def test_what_was_filtered_and_what_stopped_are_shown_without_the_prompt() -> None:
    assert "poster" not in no_video_failure(1, [f"Blocked: {PROMPT}"], (PROMPT,)).message
    assert "poster" not in early_stop_failure("incomplete", without_echo(PROMPT, (PROMPT,))).message


def test_a_sentence_without_a_quotation_stays_as_it_is() -> None:
    said = "The video is too short, use 1 to 30 seconds. It's Vertex AI's limit."
    assert without_echo(said, (PROMPT, "It is too dark", "")) == said


@given(st.text(max_size=300), st.lists(st.text(max_size=100), max_size=3))
def test_any_text_can_be_read(said: str, texts: list[str]) -> None:
    without_echo(said, texts)


@given(st.text(alphabet="abc é\n\"'", min_size=10, max_size=100))
def test_a_whole_prompt_never_stays(prompt: str) -> None:
    if len(prompt.split()) > 3:
        assert prompt not in without_echo(f"Invalid: {prompt}", (prompt,))
