"""The director: makes the jobs of a film's scenes, and joins their videos."""
