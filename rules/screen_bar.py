"""The bar below what a person sees of a call, drawn by rich (whose import takes a tenth of a second)."""

from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.text import Text


class SteadyConsole(Console):
    """A console that leaves the cursor alone: a call that is killed could not bring it back."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 (rich's own arguments)
        """Do nothing."""
        return False


class Rest(ProgressColumn):
    """The time left and what runs, as a function says it whenever the bar is drawn."""

    def __init__(self, rest: Callable[[], str]) -> None:
        super().__init__()
        self.rest = rest

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Return what the function says now."""
        return Text(self.rest(), no_wrap=True, overflow="ellipsis")


class Bar:
    """A bar over jobs at the bottom of a terminal, above which lines are printed."""

    def __init__(self, stream: TextIO, color: bool, total: int, rest: Callable[[], str]) -> None:
        self.console = SteadyConsole(file=stream, force_terminal=True, no_color=None if color else True)
        columns = BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(), Rest(rest)
        self.progress = Progress(*columns, console=self.console, transient=True, refresh_per_second=2)
        self.task = self.progress.add_task("", total=total)
        self.progress.start()

    def advance(self, done: int) -> None:
        """Show that so many jobs are done."""
        self.progress.update(self.task, completed=done)

    def say(self, text: str, color: str) -> None:
        """Print a text above the bar; the terminal wraps it where it must."""
        self.console.print(text, style=color or None, soft_wrap=True, markup=False, highlight=False, emoji=False)

    def stop(self) -> None:
        """Take the bar away."""
        self.progress.stop()
