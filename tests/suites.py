"""Which tests `make test` leaves to other suites, and the make target that runs each suite.

A test belongs to a suite by its marker, which it has by its place. Of `PROCESSES` those that are marked `quick` stay in
`make test`, as the proof of their kind.
"""

from collections import Counter
from collections.abc import Iterable, Mapping

import pytest

TARGETS: Mapping[str, str] = {"processes": "test-processes", "slow": "soak", "source": "check", "media": "test-media"}
"""The make target by the marker. A test with both markers is slow."""
FOLDERS: Mapping[str, str] = {
    "tests/browser": "browser",
    "tests/container": "image-check",
    "tests/crash": "crash-matrix",
    "tests/fairness/test_kills.py": "crash-matrix",
    "tests/mixed": "mixed-versions",
}
"""The make target of whole folders and files."""
PROCESSES = (
    "tests/chaos/test_zombie.py",
    "tests/cli/test_completion.py",
    "tests/cli/test_doctor.py",
    "tests/cli/test_emulators.py",
    "tests/cli/test_film_lists.py",
    "tests/cli/test_generate.py",
    "tests/cli/test_handover.py",
    "tests/cli/test_hostile.py",
    "tests/cli/test_interrupt.py",
    "tests/cli/test_purge.py",
    "tests/cli/test_resolve.py",
    "tests/cli/test_up.py",
    "tests/contract/test_bus_mutants.py",
    "tests/e2e/",
    "tests/examples/",
    "tests/fairness/",
    "tests/evaluation/test_process.py",
    "tests/evaluation/test_watched.py",
    "tests/films/test_chain_kills.py",
    "tests/films/test_emulators.py",
    "tests/films/test_images.py::test_keyframes_and_last_frames_are_sent_by_their_addresses",
    "tests/fuzz/test_hostile.py::test_a_field_by_command",
    "tests/fuzz/test_hostile.py::test_an_image_by_command",
    "tests/node/",
    "tests/power/",
    "tests/python_client/test_docs.py",
    "tests/python_client/test_films.py",
    "tests/python_client/test_http.py",
    "tests/python_client/test_pubsub.py",
    "tests/setup/",
    "tests/telemetry/test_jobs.py",
    "tests/telemetry/test_money.py",
    "tests/telemetry/test_off.py",
    "tests/vertex/test_images.py",
)
"""Programs that are installed, started from a command line, killed and started again, in Python and in Node; and each
option of the command line with every hostile value."""

MEDIA = (
    "tests/contract/test_file_deriver.py",
    "tests/contract/test_film_chapters.py",
    "tests/contract/test_film_editor.py",
    "tests/contract/test_film_exporter.py",
    "tests/contract/test_film_music.py",
    "tests/contract/test_film_sound.py",
    "tests/contract/test_film_text.py",
    "tests/contract/test_provenance.py",
    "tests/contract/test_video_checker.py",
    "tests/films/test_chain.py",
    "tests/films/test_erasing.py",
    "tests/films/test_exports.py",
    "tests/films/test_film_text.py",
    "tests/films/test_music.py",
    "tests/films/test_provenance.py",
    "tests/unit/test_animatic_film.py",
    "tests/unit/test_animatic_model.py",
    "tests/unit/test_animatic_picture.py",
    "tests/unit/test_animatic_sheet.py",
    "tests/unit/test_animatic_sound.py",
    "tests/unit/test_media_assemble.py",
    "tests/unit/test_media_clips.py",
)
"""They encode, decode and measure pictures and sound, which takes processor time."""

SOURCE = (
    "tests/unit/test_architecture.py",
    "tests/unit/test_extending.py",
    "tests/unit/test_imports.py",
    "tests/unit/test_references.py",
    "tests/unit/test_style.py",
    "tests/unit/test_tests_of.py",
)
"""They read the source code, import all of it, or compile what the documentation changes in it."""

SLOW = (
    "tests/clients/",
    "tests/contract/test_bus.py::test_a_killed_consumer_s_message_comes_again_and_counts[emulator]",
    "tests/contract/test_bus.py::test_a_message_is_kept_while_its_handler_runs_longer_than_the_deadline[emulator]",
    "tests/contract/test_bus.py::test_after_its_last_delivery_it_is_a_dead_letter[emulator]",
    "tests/contract/test_bus.py::test_without_a_dead_letter_topic_it_is_delivered_for_ever[emulator]",
    "tests/contract/test_erasing.py::test_two_jobs_that_share_an_image_are_erased_one_by_one[emulator]",
    "tests/gcp/test_purge.py::test_what_somebody_else_looks_at_is_looked_for_again",
    "tests/mixed/",
    "tests/worker/test_regressions_ends.py::test_clips_that_cannot_be_stored_even_then_fail_their_job_and_a_replay_is_free",
    "tests/worker/test_storing.py::test_a_film_that_cannot_be_stored_yet_is_written_down_before_it_waits",
)
"""They wait: for a check that is due after two minutes, for leases of the emulators, for pauses between attempts."""


def mark_by_place(items: Iterable[pytest.Item]) -> None:
    """Mark the tests of `PROCESSES`, `MEDIA`, `SOURCE` and `SLOW`."""
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker("slow")
        elif item.nodeid.startswith(SOURCE):
            item.add_marker("source")
        elif item.nodeid.startswith(PROCESSES) and not item.get_closest_marker("quick"):
            item.add_marker("processes")
        elif item.nodeid.startswith(MEDIA) and not item.get_closest_marker("processes"):
            item.add_marker("media")


def suite_of(item: pytest.Item) -> str | None:
    """Return the marker of the slowest suite that a test belongs to; None for a test of `make test`."""
    return next((name for name in ("slow", "processes", "source", "media") if item.get_closest_marker(name)), None)


def count_by_suite(items: Iterable[pytest.Item]) -> Counter[str]:
    """Count tests by the suite that they belong to; the rest under an empty name."""
    return Counter(suite_of(item) or "" for item in items)
