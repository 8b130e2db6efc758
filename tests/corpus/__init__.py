"""What every release stored and sent, to be read by every later one; and the strict schemas that it read by itself."""
