"""External members: folders with the predictions of networks that were trained elsewhere."""

from pathlib import Path

from stylevote.config.settings import Settings
from stylevote.errors import InputError
from stylevote.photos.listing import quick_fingerprint


def external_predictions(settings: Settings, photos: str) -> list[str]:
    """Return the files of predictions for these photos: ``validation``, or a photoset; one per member and fold."""
    return [f"{folder}/fold{fold}/{photos}.parquet" for folder in settings.external.values() for fold in settings.folds]


def external_fingerprint(settings: Settings, photos: str) -> str:
    """Return a digest of these files; an empty text for simulated ones, which the workflow itself makes.

    A file that replaces another may have kept its time stamp, which can be older than the results.
    """
    return "" if settings.config.simulation else quick_fingerprint(external_predictions(settings, photos))


def refuse_missing_predictions(settings: Settings, results: dict[str, str]) -> None:
    """Raise `InputError` if predictions are missing from which an existing result was made.

    Snakemake 9.27 would silently keep the result, because no rule makes the predictions.

    Args:
        settings: the configuration.
        results: a file that is made of the predictions, by the photos.
    """
    for photos, result in results.items():
        paths = external_predictions(settings, photos)
        missing = [path for path in paths if not Path(path).exists()]
        if missing and Path(result).exists():
            raise InputError(
                f"members.external: {missing[0]} is missing ({len(missing)} of {len(paths)} such files are), so"
                f" {result} would stay outdated; restore the file, or leave its member out until you can"
            )
