"""Everything that anybody may send, at every door."""
