"""An emulator of the slice of Azure Resource Manager that deploys virtual machine scale sets."""
