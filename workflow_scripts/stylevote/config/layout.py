"""Paths of results: those of one configuration, and those that configurations may share."""

from itertools import product
from pathlib import Path

from stylevote.config.settings import Settings
from stylevote.errors import InputError

# Folders in the folder of networks, and the rules that write there. Logs and benchmarks of these rules are there, too.
SHARED = {"demo", "photos", "pixels", "masks", "segmenter", "recolored", "manifests", "runs", "scores"}
SHARED |= {"backbones", "features"}
SHARED_RULES = {
    "draw_demo",
    "download_photos",
    "ingest_photos",
    "hold_out_photos",
    "compare_photosets",
    "assign_folds",
    "cache_pixels",
    "train_segmenter",
    "segment_photos",
    "recolor_photos",
    "gather_recolored",
    "draw_contact_sheet",
    "cache_recolored",
    "resample_manifest",
    "train_cnn",
    "store_backbone",
    "extract_features",
    "fit_probe",
    "choose_epochs",
}


class Layout:
    """Make the paths of a configuration's results.

    A path is relative, such as `runs/{run}/fold{fold}/history.parquet`; its wildcards stay unless a method fills them.

    Attributes:
        results_folder: of what belongs to this configuration alone.
        networks_folder: of photos, pixels and networks.
        patterns: the relative paths that were asked for: what rules make and read in any configuration.

    Raises:
        InputError: one of the folders is a file, is below a file, or cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.results_folder, self.networks_folder = Path(settings.config.results), Path(settings.networks)
        self.patterns: set[str] = set()
        _refuse_file("results", self.results_folder)
        _refuse_file("networks", self.networks_folder)

    def results(self, path: str) -> str:
        """Return a path in the results folder or, if configurations may share it, in the folder of networks."""
        self.patterns.add(path)
        kind, *rest = Path(path).parts
        shared = Path(rest[0]).stem in SHARED_RULES if kind in ("logs", "benchmarks") else kind in SHARED
        return f"{self.settings.networks if shared else self.settings.config.results}/{path}"

    def logs(self, path: str) -> str:
        """Return the path of a job's log."""
        return self.results(f"logs/{path}")

    def benchmarks(self, path: str) -> str:
        """Return the path of a job's time and memory."""
        return self.results(f"benchmarks/{path}")

    def is_drawn(self, path: str) -> bool:
        """Return whether the demo's drawing makes a file or folder, whose content its settings and code decide."""
        return Path(path).is_relative_to(self.networks_folder / "demo")

    def every_block(self, path: str) -> list[str]:
        """Return a path per block of labels, in the configuration's order."""
        return [self.results(path).replace("{block}", block) for block in self.settings.blocks]

    def every_fold(self, path: str) -> list[str]:
        """Return a path per fold."""
        return [self.results(path).replace("{fold}", str(fold)) for fold in self.settings.folds]

    def every_run(self, path: str) -> list[str]:
        """Return a path per run and fold, the folds of a run together."""
        return [of_fold.replace("{run}", run) for run, of_fold in product(self.settings.runs, self.every_fold(path))]


def _refuse_file(key: str, folder: Path) -> None:
    """Raise `InputError` if no folder can be at the path that a key of the configuration names."""
    expected = "expected a folder, or a place where one can be made"
    try:
        existing = next(path for path in (folder, *folder.parents) if path.exists())
    except OSError as error:
        raise InputError(f"{key}: {folder}: {error.strerror}; {expected}") from error
    if not existing.is_dir():
        raise InputError(f"{key}: found {existing}, which is a file; {expected}")
