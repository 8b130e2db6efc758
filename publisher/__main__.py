"""`python -m publisher` is `reelbus`."""

from publisher.interrupt import exit_on_interrupt


def main() -> None:
    """Run the command line. It is imported after Ctrl-C has a handler: no import then ends in a traceback."""
    exit_on_interrupt()
    from publisher import cli

    cli.main()


if __name__ == "__main__":
    main()
