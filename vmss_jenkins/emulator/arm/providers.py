"""The names of the resource providers that the emulator has."""

COMPUTE = "Microsoft.Compute"
INSIGHTS = "Microsoft.Insights"
NETWORK = "Microsoft.Network"
RESOURCES = "Microsoft.Resources"
STORAGE = "Microsoft.Storage"
