"""What the rules of the report are given: which pictures there are, and what the card says."""

from stylevote.report.runs import setting_text
from stylevote.texts import visible

LABEL_OF = {stem: label for label, stem in SETTINGS.stems.items()}
LABEL_PICTURES = ["thresholds", "reliability", "correlation"]  # each a folder per block
MOST_PICTURED = SETTINGS.config["report"]["pictures"]


def present_names():
    """What the wildcards of a benchmark file's path stand for in this configuration."""
    simulated = SETTINGS.config["simulation"]
    numbers = {*range(SEGMENTATION["shards"]), *(setting["size"] for setting in TRAINED), *map(epochs_of, TRAINED)}
    return sorted(
        {
            *SETTINGS.runs,
            *SETTINGS.config["photosets"],
            *SETTINGS.config["recipes"],
            *INGESTED,
            *EXPERIMENTS,
            *SETTINGS.blocks,
            *map(str, numbers),
            *(f"fold{fold}" for fold in SETTINGS.folds),
            *(f"{number:03d}" for number in range(simulated["members"] if simulated else 0)),
        }
    )


@cache
def compared_losses():
    """The runs that were trained with each loss and its parameters, if there are several."""
    losses = {}
    for run, setting in SETTINGS.runs.items():
        losses.setdefault(setting_text(setting["loss"]), []).append(run)
    return dict(sorted(losses.items())) if len(losses) > 1 else {}


if compared_losses():
    LABEL_PICTURES.append("losses")


def rst(text):
    """A text in a caption: every mark of reStructuredText stands for itself."""
    return re.sub(r"([^A-Za-z0-9\s])", r"\\\1", visible(text))


def colors_of(names):
    """What the colours of a picture mean, for its caption."""
    pairs = zip(("blue", "orange", "green", "purple"), names)
    return "; ".join(f"{color}: {rst(name)}" for color, name in pairs)


def label_pictures(name, category, wanted=True):
    """A folder with a picture for each label of a block; `snakemake --report` lists them by the labels' names."""

    def labels(wildcards):
        # Snakemake would take a brace for a wildcard: a word joiner, which is not seen, comes between.
        return {"label": visible(LABEL_OF[wildcards.stem]).replace("{", "{\u2060")}

    folder = directory(results(f"report/{name}/{{block}}"))
    caption = f"captions/{name}.rst"
    return report(folder, patterns=["{stem}.svg"], caption=caption, category=category, labels=labels) if wanted else []


def only_cut():
    """Whether new photos get a label where its score reaches the threshold, and never otherwise."""
    return SETTINGS.config["votes"] == {"aggregation": "average_scores", "least": 0, "most": None}


def if_sized(path):
    """A path in the results folder, where the report is to say what ensembles of other sizes are worth."""
    return results(path) if SIZED else []


@cache
def resampling_recipes():
    """The epochs of the longest run of each recipe that repeats, drops or adds photos, by the recipe's name."""
    found = {}
    for setting in SETTINGS.runs.values():
        name = setting["recipe"]
        if any(value for key, value in SETTINGS.config["recipes"][name].items() if key != "seed"):
            found[name] = max(found.get(name, 0), epochs_of(setting))
    return dict(sorted(found.items()))


def if_resampled(path):
    """A path in the results folder, where there are such recipes."""
    path = results(path)
    return path if resampling_recipes() else []


def resampled_epochs():
    """What the first fold's networks see with each of these recipes, in their order."""
    return [results(f"manifests/{name}/{epochs}/fold0.parquet") for name, epochs in resampling_recipes().items()]


def described_photosets():
    """The photosets of which the model card speaks."""
    return ["train", "test", *(["locked"] if LOCKED else [])]


def card_spec(wildcards):
    """What the model card says of the settings: not how photos come, nor what is made of the decisions besides. What the
    runs are is read from a file, and an external member's name stands for its folder."""
    aside = (
        "results",
        "photosets",
        "downloads",
        "runs",
        "abstain",
        "bundle",
        "distil",
        "experiments",
        "plan",
        "report",
    )
    settings = {key: value for key, value in SETTINGS.config.items() if key not in aside}
    settings["members"] = {**settings["members"], "external": list(SETTINGS.external)}
    return canonical(
        {
            "settings": settings,
            "photosets": described_photosets(),
            "drawn": is_drawn(SETTINGS.config["photosets"]["train"]["photos"] or ""),
        }
    )
