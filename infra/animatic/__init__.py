"""A storyboard previewer: a real film of the right length, before anyone pays for the real one."""
