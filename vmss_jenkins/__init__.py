"""Canary deployments of Azure virtual machine scale sets (VMSS) from Jenkins."""

from vmss_jenkins._version import VERSION as __version__

__all__ = ["__version__"]
