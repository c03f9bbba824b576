"""A Jenkins server: read its jobs, bring them to what is wanted."""
