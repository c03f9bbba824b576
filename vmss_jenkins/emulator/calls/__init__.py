"""One request to Azure Resource Manager as a provider sees it.

The call, the reply, and the route that joins them to a path. No HTTP server, and no provider.
"""
