"""What the rules of augmentation are given: masks, segmenters, recipes."""

from stylevote.photos.listing import list_files, names_and_contents

READS_MASKS = SEGMENTATION["model"] in ("given", "smp")


def training_photos(wildcards, input):
    """The folder of the training photos; it may lie anywhere, too."""
    return SETTINGS.config["photosets"]["train"]["photos"]


def masks_folder(wildcards, input):
    """The folder of the training photos' masks, if there is one; like that of the photos, it may lie anywhere."""
    return SETTINGS.config["photosets"]["train"]["masks"] or ""


@cache
def contents_of_masks():
    """What a segmentation by given masks, or a training on them, depends on: which masks there are, and what they show."""
    folder = SETTINGS.config["photosets"]["train"]["masks"]
    if not READS_MASKS:
        return ""
    if is_drawn(folder):
        return canonical([SETTINGS.config["demo"], code("draw_demo")])
    try:
        return names_and_contents(folder, list_files(folder))
    except InputError as error:
        raise WorkflowError(error) from None


def brought(weights):
    """What segmentation is given by the user, by content: masks, the table of their classes, and these weights."""

    def contents(wildcards):
        made_here = results("segmenter/weights.safetensors")
        files = [mask_labels(wildcards), weights(wildcards)]
        files = [path for path in files if path and path != made_here and not is_drawn(path)]
        return " ".join([contents_of_masks(), *([glance(files)] if files else [])])

    return contents


def mask_labels(wildcards):
    """The table that names the masks' classes, if there is one."""
    return (SETTINGS.config["photosets"]["train"]["mask_labels"] if READS_MASKS else None) or []


def segmentation_spec(*keys):
    """The named settings of segmentation, and those of the chosen model."""
    model = SEGMENTATION["model"]
    chosen = {model: SEGMENTATION[model]} if model in SEGMENTATION else {}
    text = canonical({**{key: SEGMENTATION[key] for key in keys}, **chosen})
    return lambda wildcards: text


def segmenter_code(wildcards):
    """The code of segmentation: of the models, the chosen one alone."""
    if SEGMENTATION["model"] == "none":
        raise WorkflowError("segmentation.model is none: there are no masks, and no recoloured photos")
    return code("segment_photos", f"augment/segmenters/{SEGMENTATION['model']}")


def segmenter_weights(wildcards):
    """The weights that photos are segmented with: those trained here, or the user's."""
    if SEGMENTATION["model"] == "smp":
        return results("segmenter/weights.safetensors")
    weights = SEGMENTATION["maskrcnn"]["weights"]
    return weights if SEGMENTATION["model"] == "maskrcnn" and weights != "pretrained" else []


def encoder_weights(wildcards):
    """The file of weights that the segmenter's encoder starts from, if the user brings one."""
    if SEGMENTATION["model"] != "smp":
        raise WorkflowError(f"segmentation.model is {SEGMENTATION['model']}: only smp is trained here")
    weights = SEGMENTATION["smp"]["weights"]
    return [] if weights in ("none", "pretrained") else weights


def every_shard(path):
    """A path for each shard of the training photos."""
    return expand(results(path), shard=range(SEGMENTATION["shards"]), allow_missing=True)


def recolor_spec(wildcards):
    """What recoloured photos depend on; how many of them an epoch uses is a recipe's business."""
    settings = {key: value for key, value in SETTINGS.config["recolor"].items() if key != "use"}
    return canonical(
        {**settings, "all_labels": SETTINGS.labels, "size": SEGMENTATION["size"], "shards": SEGMENTATION["shards"]}
    )


def recipe_spec(wildcards):
    """What a recipe's epochs depend on."""
    recipe = SETTINGS.config["recipes"][wildcards.recipe]
    return canonical({**recipe, "labels": SETTINGS.labels, "epochs": int(wildcards.epochs)})


def recolored_list(wildcards):
    """The list of recoloured photos, if the recipe uses them."""
    return results("recolored/index.parquet") if uses_recolored(wildcards.recipe) else []


def contact_sheet():
    """The contact sheet of recoloured photos, if any run uses them."""
    used = any(uses_recolored(setting["recipe"]) for setting in SETTINGS.runs.values())
    return results("recolored/contact_sheet.png") if used else []
