"""A house full of real processes, hurt at random for minutes, and an audit of what is left: `make chaos`."""
