"""A rollout carried out: observe, decide, act. The decisions are in `plan`; the world is behind `ports`."""
