"""The rules of the provider Microsoft.Compute.

What a client may write into a scale set, and what then happens to its instances. The rules know no HTTP; the room
``api`` has the requests and answers.
"""
