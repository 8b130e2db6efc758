"""Takes requests off the bus and carries each one to its end: worker, delivery policy, generation, assembly."""
