"""The public functions behind `import vmss_jenkins`."""
