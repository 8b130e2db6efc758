"""What every process of the matrix needs is imported here once, before they are forked. Nothing is opened."""

import gc

import tests.crash.launch
from tests.support.preload import import_everything
from tests.support.tls import share_default_context

__all__ = ["tests"]

share_default_context()
import_everything()
# What is shared is looked at by no garbage collector, which would copy it into every process.
gc.collect()
gc.freeze()
