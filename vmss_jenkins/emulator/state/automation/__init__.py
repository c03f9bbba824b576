"""What Azure remembers of its own doings on scale sets, as plain state. It imports nothing of the state above it."""
