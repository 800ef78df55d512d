"""Values as they are written in a configuration."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def check_simple_key(self) -> bool:
        """Write an empty key as people do, without a question mark."""
        return super().check_simple_key() or (isinstance(self.event, yaml.ScalarEvent) and not self.event.value)


def as_yaml(value: Any, *, flow: bool = True) -> str:
    """Return a value as YAML, in quotes where YAML would read it as another kind of value; all of it prints."""
    options = {"Dumper": _Dumper, "default_flow_style": flow, "width": 10**9, "sort_keys": False}
    text = yaml.dump(value, allow_unicode=True, **options)
    if not text.replace("\n", "").isprintable():
        text = yaml.dump(value, **options)
    return text.removesuffix("...\n").rstrip("\n")
