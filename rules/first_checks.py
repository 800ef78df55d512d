"""Check what Snakemake would answer with a traceback, or with nothing. `profiles/default` calls it for each call."""

import sys
from argparse import Namespace
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "workflow_scripts"))

from stylevote.config.reading import check_file
from stylevote.errors import InputError


def check(arguments: Namespace) -> None:
    """End the process with a sentence if a file of the configuration cannot be read.

    The arguments are Snakemake's command line, without the settings of profiles.
    """
    default = Path(arguments.directory or "", "config.yaml")
    try:
        if not arguments.configfile and not arguments.profile and not default.exists():
            raise InputError(f"{default}: there is no such file; name your configuration: --configfile FILE")
        for path in arguments.configfile or filter(Path.exists, [default]):  # a profile may name another
            check_file(Path(path))
    except InputError as error:
        sys.exit(f"error: {error}")
