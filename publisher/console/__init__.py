"""The web console under `/console`: pages for people who want a video, and for the operator."""
