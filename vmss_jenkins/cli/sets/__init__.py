"""Commands for one scale set: update, rollout, rollback, status, verify."""
