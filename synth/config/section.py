"""What every section of a table's YAML keeps to."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Frozen; keys that it does not know are refused, and so are numbers that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
