"""Commands for a blue-green pair."""
