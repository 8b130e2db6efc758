"""Films: up to 60 scenes that become one video, planned and paid for as a whole."""
