"""Azure's own upgrades of the operating system, as values: hooks, the events in which Azure asks, and the upgrade."""
