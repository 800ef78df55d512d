"""The bar at the bottom of the screen, drawn by rich, whose import takes a tenth of a second."""

from collections.abc import Callable
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TimeElapsedColumn
from rich.text import Text


class SteadyConsole(Console):
    """A console that never hides the cursor: a call that is killed could not show it again."""

    def show_cursor(self, show: bool = True) -> bool:  # noqa: ARG002 (rich's own arguments)
        """Do nothing."""
        return False


class TextColumn(ProgressColumn):
    """The text that a function returns whenever the bar is drawn."""

    def __init__(self, text: Callable[[], str]) -> None:
        super().__init__()
        self.text = text

    def render(self, task: Task) -> Text:  # noqa: ARG002
        """Return the text."""
        return Text(self.text(), no_wrap=True, overflow="ellipsis")


class Bar:
    """A bar of finished jobs at the bottom of a terminal; lines are printed above it."""

    def __init__(self, stream: TextIO, color: bool, total: int, text: Callable[[], str]) -> None:
        self.console = SteadyConsole(file=stream, force_terminal=True, no_color=None if color else True)
        columns = BarColumn(bar_width=20), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn(text)
        self.progress = Progress(*columns, console=self.console, transient=True, refresh_per_second=2)
        self.task = self.progress.add_task("", total=total)
        self.progress.start()

    def advance(self, done: int) -> None:
        """Show the number of finished jobs."""
        self.progress.update(self.task, completed=done)

    def print(self, text: str, color: str) -> None:
        """Print a text above the bar; the terminal wraps long lines."""
        self.console.print(text, style=color or None, soft_wrap=True, markup=False, highlight=False, emoji=False)

    def stop(self) -> None:
        """Remove the bar."""
        self.progress.stop()
