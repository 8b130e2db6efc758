"""Shows how a job comes along: a bar for a person at a terminal, a line for each new state everywhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from publisher.cli.news import News

Show = Callable[[News], None]


@contextmanager
def showing(job_id: str) -> Iterator[Show]:
    """On stderr: stdout belongs to the result."""
    if sys.stderr.isatty():
        with _bar(job_id) as show:
            yield show
    else:
        click.echo(f"job {job_id}", err=True)
        yield _Lines()


@contextmanager
def _bar(job_id: str) -> Iterator[Show]:
    console = Console(stderr=True)
    console.print(f"job {job_id}", style="dim", highlight=False)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        task = progress.add_task("starting", total=1.0)
        yield lambda news: progress.update(task, description=news.headline, completed=news.progress)


class _Lines:
    def __init__(self) -> None:
        self._said = ""

    def __call__(self, news: News) -> None:
        if news.headline != self._said:
            self._said = news.headline
            click.echo(news.headline, err=True)
