"""Power cuts: what the disk certainly has is kept, all else is lost, and new processes go on from there."""
