"""`--hypothesis-profile long` looks at many more worlds, other ones each time."""

from hypothesis import settings

settings.register_profile("long", derandomize=False)
