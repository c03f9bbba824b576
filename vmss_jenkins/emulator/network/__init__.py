"""The rules of the provider Microsoft.Network.

Load balancers, network interfaces, and what a client may write into them. The rules know no HTTP; the room ``api``
has the requests and answers.
"""
