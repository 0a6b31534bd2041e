"""What sources remember: versions of the registry, stages that were set, probes, and what openings saw."""
