"""Which instances a rollout keeps from Azure's own upgrades, and until when. Pure."""
