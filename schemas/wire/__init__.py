"""What is sent and received, and how it is checked."""
