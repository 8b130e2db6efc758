"""What a user would build instead of reelbus, each at its best: the same HTTP server, requests, files and flushes."""
