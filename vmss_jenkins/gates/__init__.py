"""What is asked of a release, and the verdict: specifications, parsing, statistics. Pure; no provider is known here."""
