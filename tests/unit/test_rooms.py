"""The library's rooms are as docs/architecture.md describes them."""

import re

from places import REPOSITORY

LIBRARY = REPOSITORY / "workflow_scripts" / "stylevote"
TABLE = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8").split("| layer | packages |", 1)[1]
# Rooms by floor, the highest first.
FLOORS = [re.findall(r"`(\w+)` \(", line) for line in TABLE.split("\n\n", 1)[0].splitlines()[2:]]
HEIGHT = {room: -number for number, rooms in enumerate(FLOORS) for room in rooms}


def modules():
    """Yield each module's room, path and text."""
    for path in LIBRARY.rglob("*.py"):
        if path.parent != LIBRARY:
            yield path.relative_to(LIBRARY).parts[0], path, path.read_text(encoding="utf-8")


def test_the_table_has_every_room():
    assert {room for room, *_ in modules()} == set(HEIGHT)


def test_imports_lead_to_lower_floors():
    for room, path, text in modules():
        rooms = set(re.findall(r"^\s*(?:from|import) stylevote\.(\w+)", text, flags=re.MULTILINE)) & set(HEIGHT)
        upwards = {other for other in rooms - {room} if HEIGHT[other] >= HEIGHT[room]}
        assert not upwards, path


def test_modules_are_short():
    assert [path for _, path, text in modules() if text.count("\n") > 400] == []
