"""A rollout on a set whose upgrade policy is Rolling or Automatic: its instances are protected and released."""
