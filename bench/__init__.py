"""reelbus against what a user would pick instead and against the bare tools beneath it: `python -m bench`."""
