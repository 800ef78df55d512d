"""Check that a bundle can hold the ensemble of a configuration."""

from stylevote.bundle.backbones import refuse_arguments
from stylevote.config.settings import Settings
from stylevote.errors import InputError


def refuse_settings(settings: Settings) -> None:
    """Raise `InputError` if a bundle cannot hold every network that may be a member."""
    if settings.external:
        raise InputError("bundle: members.external have predictions and no networks; leave them out")
    if settings.config.keep_weights == "none":
        raise InputError("bundle: keep_weights is none, so there are no weights to put into it")
    for run, setting in settings.runs.items():
        refuse_arguments(setting["backbone_args"], f"bundle: the run {run}: backbone_args")
