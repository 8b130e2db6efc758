"""The Node package, against a real facade, real workers and Google's Pub/Sub emulator."""
