"""Run Snakemake's linter, but accept functions in the same file as the rules that use them.

Snakemake expects them in a file of their own, away from the rules that a reader wants to understand.
"""

import re
import subprocess
import sys

ACCEPTED = {"Mixed rules and functions in same snakefile."}


def main() -> int:
    """Print the linter's findings if any is not accepted; return the exit status."""
    linted = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, check=False)
    text = linted.stdout + linted.stderr
    titles = set(re.findall(r"^    \* (.+):$", text, re.MULTILINE))
    if linted.returncode and (not titles or titles - ACCEPTED):
        print(text)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
