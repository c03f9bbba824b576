"""Events: what happens, as one stream of frozen values; one file for each kind of command."""
