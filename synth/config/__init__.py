"""The configuration of one table: YAML in, frozen typed sections out."""
