"""Other ways to put a hypothesis to the test; each is found by name through `whatchanged.registry`."""

from whatchanged.roles.validators.base import Material, Trial, Validation, Validator, validate

__all__ = ["Material", "Trial", "Validation", "Validator", "validate"]
