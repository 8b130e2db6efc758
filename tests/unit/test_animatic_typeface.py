"""Letters as they are drawn: every script in its font, in its order, and no box for what nobody sees."""

import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from infra.animatic import typeface
from infra.animatic.text import Measure, atoms, clean, clusters, wrap
from infra.animatic.typeface import Type, join
from schemas.wire.validation import has_visible_text

Ink = npt.NDArray[np.bool_]


def ink(text: str, size_px: int = 48) -> Ink:
    image = Image.new("RGB", (1400, 120))
    Type(size_px=size_px).write(ImageDraw.Draw(image), (40, 80), text, (255, 255, 255, 255))
    return np.asarray(image.convert("L")) > 110


def words(text: str) -> list[int]:
    """How wide each word is: what no wide gap parts."""
    columns = np.flatnonzero(ink(text, 60).any(0))
    gaps = np.flatnonzero(np.diff(columns) >= 13)
    return [len(part) for part in np.split(columns, gaps + 1)]


def same(first: str, second: str) -> bool:
    return bool(np.array_equal(ink(first), ink(second)))


@pytest.fixture
def without_shaping(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As it is where FriBiDi's library is not installed."""
    monkeypatch.setattr(typeface, "_SHAPES", False)
    monkeypatch.setattr(ImageFont.core, "HAVE_RAQM", False)
    for cache in (typeface._font, typeface._width):
        cache.cache_clear()
    yield
    for cache in (typeface._font, typeface._width):
        cache.cache_clear()


def opens_right(found: Ink, left: int, right: int) -> bool:
    """True for the shape of `(`: its middle bulges to the left."""
    part = found[:, left:right]
    rows = np.flatnonzero(part.any(1))
    middle, end = part[(rows[0] + rows[-1]) // 2], part[rows[1]]
    return bool(np.flatnonzero(middle)[0] < np.flatnonzero(end)[0])


def check_brackets(text: str) -> None:
    found = ink(text, 60)
    columns = np.flatnonzero(found.any(0))
    glyphs = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    assert opens_right(found, int(glyphs[0][0]), int(glyphs[0][-1]) + 1)
    assert not opens_right(found, int(glyphs[-1][0]), int(glyphs[-1][-1]) + 1)


@pytest.mark.parametrize("text", ["(hello)", "(שלום)", "(مرحبا)", "(שלום world)", "(2 שלום)"])
def test_brackets_open_to_their_text(text: str) -> None:
    check_brackets(text)


@pytest.mark.usefixtures("without_shaping")
@pytest.mark.parametrize("text", ["(hello)", "(שלום)"])
def test_brackets_open_to_their_text_without_a_library(text: str) -> None:
    check_brackets(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        *(("Hello dear world now", 4), ("Hello שלום world now", 4), ("שלום עולם 50% היום", 4)),
        *(("שלום Pixology היום טוב", 4), ("مرحبا Pixology اليوم", 3), ("שלום 山 היום", 3), ("שלום नमस्ते היום", 3)),
    ],
)
def test_blanks_stand_between_words_on_both_sides(text: str, count: int) -> None:
    assert len(words(text)) == count


def test_a_line_begins_at_the_side_from_which_it_is_read() -> None:
    """The wide word is the first one."""
    assert words("שלוםשלום אב")[0] < words("שלוםשלום אב")[-1]
    assert words("wwwwwwww ab")[0] > words("wwwwwwww ab")[-1]


def test_the_paragraph_decides_and_not_the_line() -> None:
    image = [Image.new("RGB", (600, 120)) for _ in range(2)]
    for each, right_to_left in zip(image, (False, True), strict=True):
        Type(size_px=40).write(ImageDraw.Draw(each), (9, 80), "abc אב", (255,) * 4, right_to_left=right_to_left)
    assert image[0].tobytes() != image[1].tobytes()


INVISIBLE = (
    "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202c\u2066\u2069"
    "\ufe0f\ufe0e\U000e0041\u034f\u180e\u0000\u001b"
)


@pytest.mark.parametrize("char", INVISIBLE, ids=ascii)
def test_what_nobody_sees_leaves_no_trace(char: str) -> None:
    assert not ink(char).any()
    assert same(f"a{char}", "a")
    assert abs(ink(f"ab{char}cd").any(0).sum() - ink("abcd").any(0).sum()) <= 2


@pytest.mark.parametrize(
    ("text", "plain"), [("1\ufe0f\u20e3", "1"), ("#\ufe0f\u20e3", "#"), ("B\u20de", "B"), ("3\u20dd", "3")]
)
def test_a_letter_is_drawn_without_the_mark_that_encloses_it(text: str, plain: str) -> None:
    assert same(text, plain)


@pytest.mark.parametrize("text", ["👩‍💻", "👨‍👩‍👧‍👦", "👍🏽", "🇫🇷", "❤️", "🏴\U000e0067\U000e0062\U000e007f", "🏳️‍🌈"])
def test_an_emoji_is_one_picture(text: str) -> None:
    assert len(list(clusters(text))) == 1
    assert len(words(text)) == 1
    assert Type(size_px=48).width(text) < 48 * 1.6


@given(st.text(max_size=40))
def test_any_text_is_drawn_and_nothing_where_there_is_nothing(text: str) -> None:
    drawn = [part.text for part in Type(size_px=12).parts(text)]
    assert "".join(drawn).strip() == "" or has_visible_text("".join(drawn))
    if not has_visible_text(text) and not any(unicodedata.category(char)[0] == "M" for char in text):
        assert not "".join(drawn).strip()


SCRIPTS = {
    "Thai": "ที่นี่กำลังแก้ไขเพลงน้ำใจ",
    "Lao": "ສະບາຍດີຕອນເຊົ້າເຮົາໄປຫາປາ",
    "Khmer": "សួស្តីពេលព្រឹកយើងទៅនេសាទ",
    "Burmese": "မင်္ဂလာပါမနက်ခင်းတွင်ငါးဖမ်းသည်",
    "Hindi": "नमस्ते क्षत्रिय विद्यार्थी",
    "Tamil": "வணக்கம் எழுத்து",
    "Arabic": "مُحَمَّدٌ يَكْتُبُ",
}
_NOT_FIRST = set("ะาำๅๆະາຳ")
_NOT_LAST = set("เแโใไເແໂໃໄ") | {"\u17d2", "\u1039"}


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_no_line_begins_with_a_mark_or_ends_inside_a_syllable(text: str) -> None:
    room = Measure(
        width_px=3, lines=99, width_of=lambda text: len([c for c in text if unicodedata.category(c)[0] != "M"])
    )
    lines = wrap(text, room)
    assert len(lines) > 2
    for line in lines:
        assert unicodedata.category(line[0])[0] != "M"
        assert line[0] not in _NOT_FIRST
        assert line[-1] not in _NOT_LAST
        assert len(line) < 2 or line[1] not in "\u103a\u1039", "the end of the syllable before"


def test_thai_breaks_between_words() -> None:
    words_ = ["วันนี้", "อากาศ", "ดีมาก", "และ", "เรือ", "ประมง", "ออก", "จาก", "ท่าเรือ"]
    text = "".join(words_)
    ends = {sum(map(len, words_[:at])) for at in range(1, len(words_) + 1)}
    found, at = [], 0
    for atom in atoms(text):
        at += len(atom)
        found.append(at)
    assert ends <= set(found)
    assert max(map(len, atoms(text))) <= 6


def test_a_zero_width_space_lets_a_line_break_and_is_not_seen() -> None:
    assert list(atoms(clean("ទៅ\u200bនេសាទ"))) == ["ទៅ\u200b", "នេសាទ"]
    assert not ink("\u200b").any()


@pytest.mark.parametrize(
    "text",
    [
        "彼は「静かな街だ」と言った。",
        "東京（とうきょう）は、日本の首都。",
        "チョコレートケーキ、ニューヨーク！",
        "価格は￥1,000（税込）です。",
        "他说：“今天很安静。”",
        "100％の人々、時々、々々",
    ],
)
def test_no_japanese_or_chinese_line_begins_or_ends_with_the_wrong_sign(text: str) -> None:
    pieces = [atom.strip() for atom in atoms(text)]
    assert not [piece for piece in pieces if piece[0] in "。、」）！，：ゃゅょっーャュョッ々％”"]
    assert not [piece for piece in pieces if piece[-1] in "「（￥“"]


def test_korean_breaks_between_words() -> None:
    assert list(atoms("조용한 항구의 아침")) == ["조용한 ", "항구의 ", "아침"]


def test_arabic_letters_join_with_and_without_a_library() -> None:
    apart = "\u200c".join("مرحبا")
    assert not same("مرحبا", apart)
    assert Type(size_px=48).width("مرحبا") < sum(Type(size_px=48).width(letter) for letter in "مرحبا") * 0.9
    assert join("مرحبا") == "\ufee3\ufeae\ufea3\ufe92\ufe8e"
    assert join("سلام") == "\ufeb3\ufefc\ufee1"
    assert join("مُدّ abc 12") == "\ufee3\u064f\ufeaa\u0651 abc 12"


@pytest.mark.usefixtures("without_shaping")
def test_arabic_is_drawn_in_its_order_and_joined_without_a_library() -> None:
    """The last letter, alef, is a bar that stands at the left."""
    found = ink("مرحبا", 60)
    columns = np.flatnonzero(found.any(0))
    assert found[:, columns[0] : columns[0] + 6].any(1).sum() > 30
    assert len(np.flatnonzero(np.diff(columns) > 1)) <= 1, "two groups of joined letters"


@pytest.mark.parametrize("weight", [typeface.REGULAR, typeface.SEMIBOLD, typeface.BOLD])
def test_a_ligature_that_has_one_weight_alone_is_drawn_in_that_weight(weight: int) -> None:
    image = Image.new("L", (1400, 120))
    Type(size_px=24, weight=weight).write(ImageDraw.Draw(image), (40, 80), "\ufdfd", (255,))
    assert np.ptp(np.flatnonzero(np.asarray(image).any(0))) > 100, "it is a whole sentence"
