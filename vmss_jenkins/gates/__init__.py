"""The gates of a release: specifications, parsing, statistics, verdicts. Pure; this room knows no provider."""
