"""The provider Microsoft.Resources.

Subscriptions, resource groups, tags, lists of resources of every type, and deployments of templates.
"""
