"""What a rollout does next, and why: pure decisions on values."""
