"""Declarations that the released counts do not bear out: told from what was paid for."""

from synth.core.codebook import CategoricalCodebook
from synth.core.prepared import PreparedManifest

_MOST = 0.5


def unlikely_declarations(manifest: PreparedManifest) -> list[str]:
    """A line for each column most of whose values lie outside what was declared of it."""
    lines = []
    for codebook in manifest.codebooks:
        share = codebook.outside
        if not share > _MOST:
            continue
        if isinstance(codebook, CategoricalCodebook):
            what, why = "categories", "are none of the declared ones; check their spelling"
        else:
            what, why = "lower, upper", "lie outside the declared bounds; check them"
        lines.append(f"columns.{codebook.column}.{what}: about {share:.0%} of its values {why}")
    return lines
