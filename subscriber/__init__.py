"""The worker: takes requests off the bus and runs each job to its end. Delivery policy, generation, assembly."""

import schemas  # it leads imports of modules that have moved to their new places

__all__ = ["schemas"]
