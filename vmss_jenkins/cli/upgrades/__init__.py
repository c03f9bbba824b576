"""Commands about Azure's own upgrades of scale sets."""
