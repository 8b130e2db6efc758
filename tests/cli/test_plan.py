"""`reelbus plan`: the price of the configured model, without a word to anybody."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.commands import Shell, complaint

VERTEX = {"REELBUS_PROVIDER": "vertex://acme/us-central1"}


def test_the_previewer_is_free(shell: Shell) -> None:
    result = shell("plan", "--duration", "7")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "1      animatic  makes 7 s  0 s billed  $0.00"
    assert lines[1] == "cut    none: 7 s are made and delivered"
    assert lines[2].startswith("time   about ")
    assert lines[3:] == ["total  0 s billed  $0.00"]


def test_a_plan_for_people(shell: Shell) -> None:
    result = shell("plan", "--duration", "9", "--model", "veo-3.1-generate-001", **VERTEX)
    assert result.stdout == (
        "1      veo-3.1-generate-001  makes 4 s  4 s billed  $1.60\n"
        "2      veo-3.1-generate-001  extends by 7 s  7 s billed  $2.80\n"
        "cut    to 9 s: the last 2 s of the 11 s made are cut off\n"
        "time   about 3 min\n"
        "total  11 s billed  $4.40\n"
    )
    assert result.stderr.startswith("warning: Google may switch veo-3.1-generate-001 off any day since 2026-11-17")


@pytest.mark.parametrize("seconds", [3, 11, 20, 30])
@pytest.mark.parametrize("model", ["gemini-omni-1.1-flash-preview", "veo-3.1-fast-generate-001"])
def test_the_lines_add_up_to_the_total(shell: Shell, model: str, seconds: int) -> None:
    """0.101 a second is a fraction of a cent: rounded lines and a rounded total would differ."""
    *clips, _, _, total = shell("plan", "-d", str(seconds), "--model", model, **VERTEX).stdout.splitlines()
    assert sum(Decimal(line.rpartition("$")[2]) for line in clips) == Decimal(total.rpartition("$")[2])


def test_a_location_in_which_a_model_is_not_offered_is_told_before_anything_is_paid(shell: Shell) -> None:
    result = shell("plan", REELBUS_PROVIDER="vertex://acme/europe-west4")
    assert result.exit_code == 2
    assert "is offered in us-central1 only, not in europe-west4" in complaint(result)


def test_a_plan_for_scripts(shell: Shell) -> None:
    found = json.loads(shell("plan", "-d", "16", "--json", **VERTEX).stdout)
    assert (found["billed_seconds"], found["price_usd"]) == (16, 1.12)
    assert [clip["extends"] for clip in found["clips"]] == [False, True]
    assert (found["duration_seconds"], found["cut_seconds"]) == (16, 0)
    assert found["expected_s"] == sum(clip["expected_s"] for clip in found["clips"])


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
        ((), {"REELBUS_PROVIDER": "sora://x"}, "REELBUS_PROVIDER: must be animatic: or vertex://"),
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
        env={"REELBUS_PROVIDER": "vertex://acme", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert out.stdout.splitlines()[-1] == ""
    assert list(tmp_path.iterdir()) == []
