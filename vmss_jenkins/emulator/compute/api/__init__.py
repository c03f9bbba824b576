"""The HTTP side of the provider Microsoft.Compute.

Its routes, what answers them, and the state as the JSON that Azure shows. The rules are in the room above.
"""
