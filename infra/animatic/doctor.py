"""Looks at the local renderer: it renders a film of one second in the size of a stamp, and looks at the fonts."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from PIL import features

from infra.animatic.render import render
from infra.animatic.storyboard import Storyboard
from infra.animatic.typeface import split_by_face
from infra.media.probe import probe
from schemas.ports.findings import Finding

_SAMPLES = {"Latin": "Film", "Arabic": "فيلم", "Devanagari": "फ़िल्म", "Japanese": "映画", "emoji": "🎬"}
_DOT = "\u00b7"
"""What is drawn for a character that no font has."""
_INSTALL = "install the packages of requirements/run.txt again: scripts/bootstrap run"


def examine_renderer() -> Iterator[Finding]:
    """Render, and look at the result."""
    board = Storyboard(
        width=160,
        height=90,
        duration_seconds=1,
        seed=1,
        title="Film",
        description="A look at the renderer",
        script="",
        camera="static",
        music="",
        style="",
        audio=True,
        image=None,
    )
    with tempfile.TemporaryDirectory(prefix="reelbus-doctor-") as folder:
        film = Path(folder) / "film.mp4"
        render(board, film)
        found = probe(film)
    yield Finding.ok("renderer", "", f"made a film of {found.duration_seconds:g} s")
    for script, sample in _SAMPLES.items():
        if any(_DOT in part for _, part in split_by_face(sample)):
            yield Finding.note("font", script, "no font has its letters: captions show dots", _INSTALL)
    if not features.check("raqm"):
        words = "Pillow finds no FriBiDi: Arabic is set by our own rules, with fewer ligatures"
        yield Finding.note("font", "Arabic", words, "apt-get install libfribidi0")
