"""Each stage wired: read the artifact before, charge, work, write the artifact whole or not at all."""
