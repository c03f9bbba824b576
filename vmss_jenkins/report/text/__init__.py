"""One log line an event."""
