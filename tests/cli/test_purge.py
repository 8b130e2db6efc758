"""`purge`: erases ended jobs, and says what it kept."""

import json

import pytest

from publisher.jobs import cancel
from schemas.domain.projections import JobView
from schemas.domain.tombstone import ERASED_PROMPT
from tests.cli.commands import PROMPT, Shell, complaint


def _cancelled(shell: Shell, job_id: str, project_id: str | None = None) -> str:
    shell.queued(job_id, project_id)
    shell.with_desk(lambda desk: cancel(desk, job_id, reason="a secret reason"))
    return job_id


def test_for_people(shell: Shell) -> None:
    result = shell("purge", _cancelled(shell, "one"), _cancelled(shell, "two"))
    assert result.stdout == "one is erased\ntwo is erased\n"
    shown = shell("status", "one").stdout
    assert "erased " in shown
    assert PROMPT not in shown
    assert "secret" not in shown


def test_for_scripts(shell: Shell) -> None:
    done = json.loads(shell("purge", _cancelled(shell, "one"), "--json").stdout)
    films: dict[str, list[str]] = {"films": [], "erased_films": [], "unfinished_films": [], "kept_films": []}
    assert done == {"dry_run": False, "erased": ["one"], "unfinished": [], "kept": [], **films}
    view = JobView.model_validate_json(shell("status", "one", "--json").stdout)
    assert (view.prompt, view.erased_at is not None) == (ERASED_PROMPT, True)


def test_a_dry_run_says_so_and_changes_nothing(shell: Shell) -> None:
    assert shell("purge", _cancelled(shell, "one"), "--dry-run").stdout == "one would be erased\n"
    assert PROMPT in shell("status", "one").stdout


def test_a_job_that_goes_on_is_kept_and_told(shell: Shell) -> None:
    _cancelled(shell, "one")
    result = shell("purge", "one", shell.queued("two"))
    assert result.exit_code == 2
    assert result.stdout.startswith("one is erased\ntwo is kept: job two has not ended (queued); cancel it first")
    assert result.stderr == "Error: 1 of 2 jobs can't be erased\n"


def test_a_project_and_an_age(shell: Shell) -> None:
    _cancelled(shell, "one", "spring")
    _cancelled(shell, "two", "autumn")
    assert shell("purge", "--older-than", "1h").stdout == f"No jobs in {shell.data_dir}.\n"
    assert shell("purge", "--project", "spring", "--older-than", "12h").stdout == f"No jobs in {shell.data_dir}.\n"
    assert shell("purge", "--project", "spring").stdout == "one is erased\n"
    assert shell("purge", "--project", "spring").stdout == f"No jobs in {shell.data_dir}.\n"


@pytest.mark.parametrize("age", ["30", "d", "-1d", "0d", "1.5d", "1w", "99999999d", "40000d", "1 d"])
def test_an_age_that_is_none(shell: Shell, age: str) -> None:
    result = shell("purge", "--older-than", age)
    assert result.exit_code == 2
    assert "must be days or hours such as 30d or 12h" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["one", "--project", "spring"], ["one", "--older-than", "1d"]])
def test_either_jobs_or_a_rule(shell: Shell, arguments: list[str]) -> None:
    result = shell("purge", *arguments)
    assert result.exit_code == 2
    assert "give either ids of jobs, or --project, --older-than or both" in complaint(result)


def test_an_erased_job_is_neither_replayed_nor_made_again(shell: Shell) -> None:
    shell("purge", _cancelled(shell, "one"))
    assert "was erased with its prompt; a new video needs a new id" in complaint(shell("replay", "one"))
    again = shell("generate", PROMPT, "--id", "one", "--duration", "5")
    assert again.exit_code == 1
    assert "job one was erased at " in again.stderr
    other = shell("generate", "Another prompt altogether", "--id", "one")
    assert other.exit_code == 2
    assert "is already used by a different request" in other.stderr


def test_unknown(shell: Shell) -> None:
    result = shell("purge", "never-was")
    assert result.exit_code == 3
    assert complaint(result) == "Error: there is no job never-was"


def test_by_caller(shell: Shell) -> None:
    """A caller's own ids, and all that it has; another caller's job of the same id stays."""
    jobs = [("acme", "one"), ("acme", "two"), ("zebra", "one")]
    first, second, other = [shell.queued(job_id, caller=caller) for caller, job_id in jobs]
    for job_id in (first, second, other):
        shell("cancel", job_id)
    assert shell("purge", "--caller", "acme", "two").stdout == f"{second} is erased\n"
    assert shell("purge", "--caller", "acme", "three").exit_code == 3
    assert shell("purge", "--caller", "acme").stdout == f"{first} is erased\n"
    listed = shell("list", "--caller", "zebra").stdout
    assert other in listed
    assert "zebra" in listed
    assert first not in listed
    assert "zebra, with the id one" in shell("status", other).stdout
