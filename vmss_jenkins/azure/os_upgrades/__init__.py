"""Azure's own upgrades of the operating system, through azure-mgmt-compute."""
