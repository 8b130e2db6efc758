"""Takes requests off the bus and carries each one to its end: worker, delivery policy, generation, assembly."""

import schemas  # it leads imports of modules that have moved to their new places

__all__ = ["schemas"]
