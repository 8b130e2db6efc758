"""One key's flood and the other keys: real processes on a real bus and store; the model is ours."""
