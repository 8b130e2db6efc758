"""`python -m publisher` is `reelbus`."""

from publisher.interrupt import exit_on_interrupt


def main() -> None:
    """The entry point. Imports the command line when Ctrl-C can't end in a traceback any more."""
    exit_on_interrupt()
    from publisher import cli

    cli.main()


if __name__ == "__main__":
    main()
