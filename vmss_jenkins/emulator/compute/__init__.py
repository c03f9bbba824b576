"""The rules of the provider Microsoft.Compute.

What a client may write into a scale set, and what happens to its instances then. The rules know no HTTP; the room
``api`` has the requests and answers.
"""
