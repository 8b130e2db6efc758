"""The crash matrix: every step of a job's life, the real process killed exactly there, and what is left of the job.

The product knows nothing of this. `launch` starts the real worker or facade with its ports wrapped; each verb of a port
and each file operation is a point with a name. One healthy run writes the points down (`points_*.txt`), and the tests
are made from that list.
"""
