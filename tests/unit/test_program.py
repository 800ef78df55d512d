"""Messages reach a terminal as text, whatever a file name or a value holds."""

from stylevote.program import InputError


def test_messages_hold_nothing_that_a_terminal_obeys():
    message = str(InputError("a\x1b[2Jb\u202e.jpg:\n  \udcff 'ärmel 袖'"))
    assert message == "a\\x1b[2Jb\\u202e.jpg:\n  \\udcff 'ärmel 袖'"
