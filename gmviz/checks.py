"""One sentence for every refused value: what is allowed, what arrived."""


def require(holds: bool, name: str, allowed: str, arrived: object) -> None:
    """Raise a `ValueError` that names the value, what is allowed and what arrived, unless `holds`."""
    if not holds:
        raise ValueError(f"{name} must be {allowed}, got {arrived}")
