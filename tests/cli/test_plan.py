"""`reelbus plan`: the price of the configured model, without a word to anybody."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import Shell, complaint

VERTEX = {"REELBUS_MODEL": "vertex://acme/us-central1"}


def test_the_previewer_is_free(shell: Shell) -> None:
    result = shell("plan", "--duration", "7")
    assert result.exit_code == 0
    assert result.stdout == ("1      animatic  makes 7 s  0 s billed  $0.000\ntotal  0 s billed  $0.00\n")


def test_a_plan_for_people(shell: Shell) -> None:
    result = shell("plan", "--duration", "9", "--model", "veo-3.1-generate-001", **VERTEX)
    assert result.stdout == (
        "1      veo-3.1-generate-001  makes 4 s  4 s billed  $1.600\n"
        "2      veo-3.1-generate-001  extends by 7 s  7 s billed  $2.800\n"
        "total  11 s billed  $4.40\n"
    )
    assert result.stderr.startswith("warning: Google may switch veo-3.1-generate-001 off any day since 2026-11-17")


def test_a_location_in_which_a_model_is_not_offered_is_told_before_anything_is_paid(shell: Shell) -> None:
    result = shell("plan", REELBUS_MODEL="vertex://acme/europe-west4")
    assert result.exit_code == 2
    assert "is offered in us-central1 only, not in europe-west4" in complaint(result)


def test_a_plan_for_scripts(shell: Shell) -> None:
    found = json.loads(shell("plan", "-d", "16", "--json", **VERTEX).stdout)
    assert (found["billed_seconds"], found["price_usd"]) == (16, 1.12)
    assert [clip["extends"] for clip in found["clips"]] == [False, True]


@pytest.mark.parametrize(
    ("arguments", "variables", "total"),
    [
        (("--no-audio",), {}, "total  6 s billed  $0.48"),
        (("--model", "veo-3.1-generate-001", "--resolution", "4k"), {}, "total  6 s billed  $3.60"),
        ((), {"REELBUS_FAST_MODELS": "veo-3.1-lite-generate-001"}, "total  6 s billed  $0.30"),
    ],
)
def test_options_and_settings_count(
    shell: Shell, arguments: tuple[str, ...], variables: dict[str, str], total: str
) -> None:
    assert shell("plan", *arguments, **VERTEX, **variables).stdout.splitlines()[-1] == total


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        (("-d", "31"), {}, "duration_seconds must be at most 30"),
        (("--model", "veo-2"), VERTEX, "model must be one of veo-3.1-generate-001"),
        ((), {"REELBUS_MODEL": "sora://x"}, "REELBUS_MODEL: must be animatic: or vertex://"),
        ((), {**VERTEX, "REELBUS_FAST_MODELS": "sora-2"}, "REELBUS_FAST_MODELS: model must be one of"),
        (("--resolution", "4k", "--model", "veo-3.1-lite-generate-001"), VERTEX, "resolution must be 720p or 1080p"),
    ],
)
def test_what_can_t_be_planned(shell: Shell, arguments: tuple[str, ...], variables: dict[str, str], words: str) -> None:
    result = shell("plan", *arguments, **variables)
    assert result.exit_code == 2
    assert words in complaint(result)


def test_a_plan_makes_no_folder_and_imports_no_google(tmp_path: Path) -> None:
    program = (
        "import sys; from publisher.cli import reelbus; reelbus(['plan'], standalone_mode=False); "
        "print(*[name for name in sys.modules if name.startswith(('google.genai', 'google.auth', 'sqlite3', 'av'))])"
    )
    out = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={"REELBUS_MODEL": "vertex://acme", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.splitlines()[-1] == ""
    assert list(tmp_path.iterdir()) == []
