"""One request to Azure Resource Manager as a provider sees it.

The call, the reply, and the route from a path to its handler. It has no HTTP server and no provider.
"""
