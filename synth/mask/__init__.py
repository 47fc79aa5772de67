"""A masked copy of the source: pseudonymised by templates, not differentially private."""
