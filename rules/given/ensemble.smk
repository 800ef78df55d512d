"""What the rules of the ensemble, and of all that is made of it, are given: their settings, and whose scores they read."""

from stylevote.photos.listing import glance


def selection_settings():
    """The method of selection, and the settings that it uses: those of the others mean nothing to it."""
    used = {"top_n": ["top_n", "correlation"], "greedy": ["greedy"], "all": []}
    selection = SETTINGS.config["selection"]
    return {key: selection[key] for key in ["method", *used[selection["method"]]]}


def stack_settings():
    """The combiner's name, and its own settings if it has any: those of the others mean nothing to the stack."""
    name = STACK["combiner"]
    if name == "auto":
        among = {part: STACK.get(part, {}) for part in STACK["auto"]["among"]}
        return {"combiner": name, name: {**STACK["auto"], "among": list(among.items())}}
    return {key: STACK[key] for key in ["combiner", name] if key in STACK}


def parts_of(combiner):
    """The combiners that a combiner chooses among."""
    return STACK["auto"]["among"] if combiner == "auto" else []


def threshold_settings():
    """The method of search, and the settings that it uses."""
    used = {"greedy": ["steps"], "shrunk": ["shrink"], "bootstrap": ["resamples", "seed"]}
    threshold = SETTINGS.config["threshold"]
    return {key: threshold[key] for key in ["method", *used.get(threshold["method"], [])]}


def label_limits():
    """The least and most labels of a photo."""
    return {key: SETTINGS.config["votes"][key] for key in ("least", "most")}


def combining_code(program):
    """The code of a program that fits or uses stackers: of the combiners, the chosen one alone."""
    name = STACK["combiner"]
    return code(program, *(f"ensemble/combiners/{part}" for part in [name, *parts_of(name)]))


def of_features(path):
    """A path for each block that holds a label whose members a block's stackers take; the block itself comes first."""

    def of_block(wildcards):
        blocks = [wildcards.block, *(SETTINGS.blocks if SETTINGS.common_features else [])]
        return expand(results(path), block=dict.fromkeys(blocks))

    return of_block


def stack_spec(**settings):
    """What depends on how labels are stacked: the settings, and whose members all stackers take."""
    return block_spec(**settings, beta=BETA, features=SETTINGS.common_features)


def chosen_sizes(wildcards):
    """The sizes that `target` chooses, if it is set."""
    return results("ensemble/chosen_sizes.parquet") if SETTINGS.config["target"] else []


def certainty(part):
    """What `search_certainty` finds, if a precision is chosen; of the whole ensemble, or of a part."""
    return every_block(f"{part}certain/{{block}}.parquet") if SETTINGS.config["abstain"] else []


def certainty_spec(wildcards):
    """The precision that is asked for."""
    if not SETTINGS.config["abstain"]:
        raise WorkflowError("abstain is null: no precision is asked for")
    return canonical({**SETTINGS.config["abstain"], "labels": SETTINGS.blocks[wildcards.block]})


def if_averaged(path):
    """A path in the results folder, where a photo's decision is by the mean of all outputs."""
    return results(path) if SETTINGS.config["votes"]["aggregation"] == "average_scores" else []


def every_external(photos):
    """A path for each external member and fold, of the predictions for these photos."""
    return [f"{folder}/fold{fold}/{photos}.parquet" for folder in SETTINGS.external.values() for fold in SETTINGS.folds]


def external_contents(photos):
    """What these predictions are known by, beside their time stamps, which a file that replaces another may have kept."""
    return "" if SETTINGS.config["simulation"] else glance(every_external(photos))


def refuse_missing_members():
    """Stop where external predictions are missing of which something was made before: Snakemake 9.27 would take that as it
    is, since no rule makes them, and say nothing."""
    for photos, made in [
        ("validation", results(f"ensemble/scores/{next(iter(SETTINGS.blocks))}.parquet")),
        *((name, results(f"predictions/{name}/votes.parquet")) for name in SETTINGS.config["photosets"]),
    ]:
        wanted = every_external(photos)
        missing = [path for path in wanted if not os.path.exists(path)]
        if missing and os.path.exists(made):
            raise WorkflowError(
                f"members.external: {missing[0]} is not there ({len(missing)} of {len(wanted)} such files are missing), so"
                f" that {made} would stay as it is; bring the file back, or take its member out until it is there"
            )


if not SETTINGS.config["simulation"]:
    refuse_missing_members()
