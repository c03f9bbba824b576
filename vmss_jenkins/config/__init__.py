"""vmss.yaml: the scale sets and blue-green pairs that get Jenkins jobs; all faults of a file at once."""

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
