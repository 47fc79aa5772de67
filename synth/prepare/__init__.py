"""From a table to codes: what may be known of its values is selected, counted and paid for here."""
