"""`python -m publisher` is `reelbus`."""

from publisher.cli import main

if __name__ == "__main__":
    main()
