"""The evaluator: a process of its own that scores finished videos against their prompts, where that is asked for."""
