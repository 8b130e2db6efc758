"""The order of mixed scripts on a line, by Unicode's algorithm. Letters in capitals stand for Hebrew, as in UAX #9."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.animatic.bidi import CONTROLS, Run, is_right_to_left, mirror, order, override, reopen

HEBREW = {chr(ord("A") + at): chr(0x5D0 + at) for at in range(26)}
LRM, RLM, ALM = "\u200e", "\u200f", "\u061c"
LRE, RLE, PDF, LRO, RLO = "\u202a", "\u202b", "\u202c", "\u202d", "\u202e"
LRI, RLI, FSI, PDI = "\u2066", "\u2067", "\u2068", "\u2069"
LATIN = {hebrew: latin for latin, hebrew in HEBREW.items()}


def shown(text: str, *, right_to_left: bool) -> str:
    """The line as it stands from left to right, brackets mirrored."""
    hebrew = "".join(HEBREW.get(char, char) for char in text)
    runs = order(hebrew, right_to_left=right_to_left)
    line = "".join(mirror(run.text) if run.right_to_left else run.text for run in runs)
    return "".join(LATIN.get(char, char) for char in line)


@pytest.mark.parametrize(
    ("text", "left_to_right", "right_to_left"),
    [
        ("car means CAR.", "car means RAC.", ".RAC car means"),
        ("he said CAR, and left", "he said RAC, and left", "and left ,RAC he said"),
        ("(ABC)", "(CBA)", "(CBA)"),
        ("ABC (DEF) GHI", "IHG (FED) CBA", "IHG (FED) CBA"),
        ("ABC (def) GHI", "CBA (def) IHG", "IHG (def) CBA"),
        ("abc (DEF) ghi", "abc (FED) ghi", "ghi (FED) abc"),
        ("ABC 50% DEF", "FED 50% CBA", "FED 50% CBA"),
        ("ABC 12:30 DEF", "FED 12:30 CBA", "FED 12:30 CBA"),
        ("ABC 3-5 DEF", "FED 3-5 CBA", "FED 3-5 CBA"),
        ("ABC $10.50!", "$10.50 CBA!", "!$10.50 CBA"),
        ("abc 123 DEF", "abc 123 FED", "FED abc 123"),
        ("ABC, def, GHI", "CBA, def, IHG", "IHG ,def ,CBA"),
        ("ABC: 'def'?", "CBA: 'def'?", "?'def' :CBA"),
        ("[ABC] {DEF}", "[CBA] {FED}", "{FED} [CBA]"),
        ("a (B) c", "a (B) c", "c (B) a"),
        ("A (b) C [d", "A (b) C [d", "d] C (b) A"),
        ("12 ABC", "12 CBA", "CBA 12"),
        ("ABC  ", "CBA  ", "  CBA"),
        ("«ABC» def", "«CBA» def", "def «CBA»"),
        (f"ABC{LRM}! def", "CBA! def", "! defCBA"),
        (f"abc {RLE}DEF ghi{PDF} jkl", "abc ghi FED jkl", "jkl ghi FED abc"),
        (f"abc {RLI}DEF ghi{PDI} JKL", "abc ghi FED LKJ", "LKJ ghi FED abc"),
        (f"ABC {LRI}DEF ghi{PDI}!", "CBA FED ghi!", "!FED ghi CBA"),
        (f"{FSI}ABC 1{PDI} def", "1 CBA def", "def 1 CBA"),
        (f"{RLO}abc{PDF} def", "cba def", "def cba"),
        (f"{LRO}ABC{PDF} DEF", "ABC FED", "FED ABC"),
        (f"abc{PDI}{PDF} DEF", "abc FED", "FED abc"),
    ],
)
def test_a_line_stands_as_the_standard_orders_it(text: str, left_to_right: str, right_to_left: str) -> None:
    assert shown(text, right_to_left=False) == left_to_right
    assert shown(text, right_to_left=True) == right_to_left


def test_numbers_behind_arabic_letters_and_arabic_digits_run_from_left_to_right() -> None:
    runs = order("عام 2026/11 ١٢٫٥", right_to_left=True)
    assert [run.text for run in runs if not run.right_to_left] == ["١٢٫٥", "2026/11"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("abc", False), ("אבג", True), ("12 אבג", True), ("(«أ", True), ("12", False), ("", False)),
        *((f"{LRI}abc{PDI} אב", True), (f"{RLI}אב{PDI} abc", False), (f"{RLM}abc", True), (f"{LRM}אב", False)),
    ],
)
def test_a_paragraph_runs_as_its_first_letter(text: str, expected: bool) -> None:
    assert is_right_to_left(text) == expected


controls = st.text(alphabet="ab1 .(" + "אבع١)" + "".join(sorted(CONTROLS)), max_size=40)


@given(controls, st.booleans())
def test_no_character_is_lost_or_doubled(text: str, right_to_left: bool) -> None:
    runs = order(text, right_to_left=right_to_left)
    assert sorted("".join(run.text for run in runs)) == sorted(char for char in text if char not in CONTROLS)


@given(st.text(max_size=60), st.booleans())
def test_any_text_at_all_is_ordered(text: str, right_to_left: bool) -> None:
    assert sum(len(run.text) for run in order(text, right_to_left=right_to_left)) <= len(text)


@given(st.text(alphabet="אבגד הו", max_size=40))
def test_letters_of_one_direction_are_one_run(text: str) -> None:
    assert len(order(text, right_to_left=True)) == (1 if text else 0)


def test_deeper_than_the_standard_allows_is_ignored() -> None:
    deep = "".join(f"{RLE}א{LRE}a" for _ in range(100))
    assert order(deep, right_to_left=False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"a {RLE}b", RLE),
        (f"a {RLE}b{PDF}", ""),
        (f"{RLI}{LRE}a{PDI}", ""),
        (f"{RLI}a{PDF}", RLI),
        (f"{PDI}{LRI}", LRI),
    ],
)
def test_what_is_open_at_the_end_of_a_line_holds_on_the_next(line: str, expected: str) -> None:
    assert reopen(line) == expected


def test_a_library_is_told_of_letters_that_are_made_to_run_the_other_way() -> None:
    assert override(Run("abc", right_to_left=True)) == f"{RLO}abc{PDF}"
    assert override(Run("אב", right_to_left=False)) == f"{LRO}אב{PDF}"
    assert override(Run("(אב)", right_to_left=True)) == "(אב)"
    assert unicodedata.bidirectional(RLO) == "RLO"
