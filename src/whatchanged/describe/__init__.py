"""From what was seen on discovery prompts to claims that fresh prompts can refute."""

from whatchanged.describe.propose import Discovery, from_specs, propose
from whatchanged.describe.regions import Subgroup, find_region

__all__ = ["Discovery", "Subgroup", "find_region", "from_specs", "propose"]
