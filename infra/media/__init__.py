"""Finished video files: looking into them, cutting and joining them, and a picture of them."""
