"""What a Jenkins server is to hold: the jobs wanted and found, their difference, the hand-off record. Pure."""
