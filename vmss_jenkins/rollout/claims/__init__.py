"""The claim of a run on a scale set, and what of Azure is suspended while a run holds it."""
