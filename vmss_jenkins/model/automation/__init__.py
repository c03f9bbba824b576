"""What Azure does to a scale set by itself, as values: its own policies, autoscale, and who else acts."""
