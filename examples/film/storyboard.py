"""Prints a storyboard: `python examples/film/storyboard.py [--twenty] | reelbus film - -o harbour.mp4`.

The five scenes are those of storyboard.json; `--twenty` makes twenty short ones of the hours of a day. Both get the
music of music.py.
"""

import argparse
import base64
import json
from pathlib import Path
from typing import Any

from music import make_music

HOURS = (
    "Mist on the water",
    "Stars over the masts",
    "A lamp in the harbour office",
    "The first van",
    "Coffee from a flask",
    "Ropes on a wet pier",
    "An engine starts",
    "Gulls behind a boat",
    "Crates of ice",
    "The fish market",
    "Children with a kite",
    "Lunch on a wall",
    "White sails",
    "A crane turns",
    "Rust and fresh paint",
    "A ferry comes in",
    "Bicycles on deck",
    "The sun on windows",
    "Nets to dry",
    "Lanterns along the quay",
)


def read_five() -> dict[str, Any]:
    """Return the storyboard that stands beside this file."""
    storyboard: dict[str, Any] = json.loads(Path(__file__).with_name("storyboard.json").read_text("utf-8"))
    return storyboard


def make_twenty() -> dict[str, Any]:
    """Return twenty scenes: cuts, and a crossfade into every fourth one."""
    return {
        "film_id": "twenty",
        "defaults": {"duration_seconds": 2, "aspect_ratio": "16:9", "resolution": "720p"},
        "titles": [{"before": "hour-01", "text": "Twenty hours", "seconds": 2}],
        "captions": {"from": "script", "sidecar": ["vtt"]},
        "scenes": [make_scene(number, title) for number, title in enumerate(HOURS, 1)],
    }


def make_scene(number: int, title: str) -> dict[str, Any]:
    """Return one of the twenty scenes."""
    return {
        "name": f"hour-{number:02}",
        "scene": {"title": title, "visual": f"{title}, at {number} o'clock at the harbour", "script": f"{title}."},
        "transition": {"kind": "crossfade" if number % 4 == 0 else "cut"},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the storyboard of a film, for: reelbus film - -o harbour.mp4")
    parser.add_argument(
        "--twenty", action="store_true", help="twenty short scenes instead of the five of storyboard.json"
    )
    storyboard = make_twenty() if parser.parse_args().twenty else read_five()
    bed = base64.b64encode(make_music()).decode()
    storyboard["audio"] = {"music": {"uri": f"data:audio/wav;base64,{bed}", "gain_db": -8, "fade_seconds": 1}}
    print(json.dumps(storyboard))
