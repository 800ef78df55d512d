"""Guess how a table of photos and labels is written, for the configuration to confirm."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Guess:
    """The probable form of a table.

    Attributes:
        labels: names of the labels, in their order in the table.
        description: keys of `stylevote.config.label_table.LabelTable` that the table needs besides its path.
        findings: sentences about the table.
        problems: sentences about what hinders its use.
    """

    labels: list[str] = field(default_factory=list)
    description: dict[str, Any] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def guess_table(table: Path, folder: Path) -> Guess:
    """Guess the form of a table from its rows and from the names of the files in the photos' folder."""
    return Guess(problems=[f"{table}: cannot be read yet, nor compared with {folder}"])


def advice(table: Path, labels: list[str]) -> list[str]:
    """Return texts about what to add to the configuration so that a table can be read, if it is clear."""
    return []
