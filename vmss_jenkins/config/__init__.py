"""vmss.yaml: which scale sets and blue-green pairs get Jenkins jobs, and of what kind; all faults at once."""

from vmss_jenkins.config.file import (
    Config,
    ScaleSetConfig,
    Settings,
    Target,
    json_schema,
    one_set,
    parse,
)

__all__ = ["Config", "ScaleSetConfig", "Settings", "Target", "json_schema", "one_set", "parse"]
