"""The command line: `reelbus`. What each command answers, and with which exit code: docs/cli.md."""

from importlib.metadata import PackageNotFoundError, version

import click

from publisher.cli.lazy import LazyGroup

__all__ = ["main", "reelbus"]

COMMANDS = {
    "up": ("publisher.cli.up:up", "Run facade and worker together until Ctrl-C or SIGTERM."),
    "serve": ("publisher.cli.serve:serve", "Run the HTTP facade until Ctrl-C or SIGTERM."),
    "worker": ("publisher.cli.handover:worker", "Run a worker until Ctrl-C or SIGTERM."),
    "generate": ("publisher.cli.generate:generate", "Make a video from a prompt or a scene, and wait for it."),
    "status": ("publisher.cli.status:status", "Show how a video stands."),
    "list": ("publisher.cli.listing:list_videos", "List videos, the newest first."),
    "cancel": ("publisher.cli.cancel:cancel", "End a job that nobody wants any more."),
    "spend": ("publisher.cli.spend:spend", "Show what was spent, from the ledgers."),
    "plan": ("publisher.cli.plan:plan", "Show clips, billed seconds and price before a cent is spent."),
    "replay": ("publisher.cli.replay:replay", "Let a job that ended without a video live again."),
    "resolve": (
        "publisher.cli.resolve:resolve",
        "Say what became of a clip that nobody knows about.",
    ),
    "purge": ("publisher.cli.purge:purge", "Erase prompts, images and videos of ended jobs."),
    "backup": (
        "publisher.cli.backup:backup",
        "Copy jobs, messages and videos of the embedded default to a new folder TO.",
    ),
    "dead": ("publisher.cli.dead:dead", "Look at messages that were given up, replay them or drop them."),
    "key": ("publisher.cli.key:key", "Make API keys for callers of a facade."),
    "setup": (
        "publisher.cli.setup:setup",
        "Make topics, subscriptions and bucket at Google, as the settings name them.",
    ),
    "emulators": (
        "publisher.cli.emulators:emulators",
        "Run Google's emulators on this machine until Ctrl-C or SIGTERM.",
    ),
    "reconcile": ("publisher.cli.handover:reconcile", "Look once at every job that got stuck."),
}

_EPILOG = """\b
Exit codes:
  0    all is well
  1    the job failed, was cancelled or expired; or a server ended by itself
  2    bad input or usage
  3    there is no such job or dead letter
  4    out of reach: a store, the bus, the facade or the worker
  5    the wait is over, and the job goes on
  130  interrupted

\b
Settings come from the environment (REELBUS_..., PORT) and from .env; by default everything lies in .reelbus here.
"""


def _version() -> str:
    try:
        return version("reelbus")
    except PackageNotFoundError:
        return "(a checkout that is not installed)"


@click.group(
    cls=LazyGroup,
    entries=COMMANDS,
    epilog=_EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
@click.version_option(_version(), message="reelbus %(version)s")
def reelbus() -> None:
    """Videos from prompts, through a bus that never pays twice and never loses what was paid.

    `reelbus generate "A red bicycle turns slowly" -o bicycle.mp4` makes one here and now; `reelbus up` runs the
    service.
    """


def main() -> None:
    """The entry point."""
    reelbus(prog_name="reelbus")
