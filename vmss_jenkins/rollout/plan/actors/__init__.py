"""Who else acts on a set in the middle of a rollout, and what the rollout does about it. Pure."""
