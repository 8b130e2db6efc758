"""The infrastructure layer: the only package that knows Google, databases and codecs."""

import schemas  # it leads imports of modules that have moved to their new places

__all__ = ["schemas"]
