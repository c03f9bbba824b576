"""Azure's automatic OS upgrades as a library."""
