"""What happens, as values: one stream of frozen events, a file a story."""
