"""Probes: runs whose backbone stays frozen. Needs pixel caches, folds and each recipe's epoch; gives what `train.smk` gives
of other runs. Probes with the same backbone, views and pooling share its features, which are computed once per photo.

Weights and features are large, so later rules compare the small file that is made with them (see `train.smk`).
"""

# Of each kind of features, by its id: the settings on which they depend.
FEATURES = {features_id(setting): features_setting(setting) for setting in PROBES.values()}
FEATURE_SHARDS = range(SETTINGS.config.features.shards)


wildcard_constraints:
    features=one_of(FEATURES),


def features_content(wildcards):
    """Return a digest of the user's file of weights that a backbone has: the user may replace it."""
    return quick_fingerprint(start_weights(FEATURES[wildcards.features]))


def at_size(path):
    """Return an input function for a path of photos at the size at which features are computed."""
    path = results(path)
    return lambda wildcards: path.format(**wildcards, size=FEATURES[wildcards.features]["size"])


def every_feature_shard(path, condition=lambda run: True):
    """Return an input function for a path per shard of the features of a run, if the run meets the condition."""
    paths = expand(results(path), shard=FEATURE_SHARDS, allow_missing=True)

    def paths_of(wildcards):
        names = {**wildcards, "features": features_id(PROBES[wildcards.run])}
        return [path.format(**names) for path in paths] if condition(wildcards.run) else []

    return paths_of


def comparison_before_probe(wildcards):
    """Return the comparison of photosets if neither it nor the fits exist (see `first_comparison`)."""
    return first_comparison({"run": wildcards.run, "fold": 0})


def losses_of_layers(setting):
    """Return the loss's module if the head has hidden layers: other heads do without it."""
    return [f"cnn/losses/{name}" for name in setting["loss"]] if setting["hidden_units"] else []


rule store_backbone:
    """Store the frozen backbone of probes in half precision; their other jobs read it here, without the pretrained weights."""
    input:
        checked_before("backbones/{features}.safetensors"),
        start=lambda wildcards: start_weights(FEATURES[wildcards.features]),
    output:
        backbone=results("backbones/{features}.safetensors"),
        contents=results("backbones/{features}.json"),
    log:
        logs("store_backbone/{features}.log"),
    # Before pixels are cached and networks trained, so that an impossible setting fails early.
    priority: 10
    resources:
        mem_mb=by_attempt(8000),
    params:
        **program("probe/store_backbone", lambda wildcards: canonical({"setting": FEATURES[wildcards.features]})),
        start=features_content,
    shell:
        PROGRAM


rule extract_features:
    """Compute the features of a shard of a photoset, or of the recoloured photos."""
    input:
        index=at_size("pixels/{photoset}/{size}/index.parquet"),
        pixels=ancient(at_size("pixels/{photoset}/{size}/pixels.bin")),
        contents=results("backbones/{features}.json"),
        backbone=ancient(results("backbones/{features}.safetensors")),
    output:
        features=results("features/{photoset}/{features}/{shard}.npy"),
        features_index=results("features/{photoset}/{features}/{shard}.parquet"),
    log:
        logs("extract_features/{photoset}/{features}/{shard}.log"),
    benchmark:
        benchmarks("extract_features/{photoset}/{features}/{shard}.tsv")
    wildcard_constraints:
        photoset=one_of([*SETTINGS.config.photosets, "train-recolored"]),
        shard=one_of(FEATURE_SHARDS),
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(720),
    params:
        **program(
            "probe/extract_features",
            lambda wildcards: canonical({"setting": FEATURES[wildcards.features], "shards": len(FEATURE_SHARDS)}),
            shard="{shard}",
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule fit_probe:
    """Fit the heads of a probe on all folds; keep weights and out-of-fold predictions, like those of a training."""
    input:
        comparison_before_probe,
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        epochs=lambda wildcards: [
            path.format(recipe=PROBES[wildcards.run]["recipe"])
            for path in every_fold("manifests/{recipe}/1/fold{fold}.parquet")
        ],
        indexes=every_feature_shard("features/train/{features}/{shard}.parquet"),
        features=ancient(every_feature_shard("features/train/{features}/{shard}.npy")),
        recolored_indexes=every_feature_shard(
            "features/train-recolored/{features}/{shard}.parquet", SETTINGS.sees_recolored
        ),
        recolored_features=ancient(
            every_feature_shard("features/train-recolored/{features}/{shard}.npy", SETTINGS.sees_recolored)
        ),
    output:
        history=every_fold("runs/{run}/fold{fold}/history.parquet"),
        validation=every_fold("runs/{run}/fold{fold}/validation.parquet"),
        weights=[
            temp(directory(path)) if KEEP_WEIGHTS == "none" else directory(path)
            for path in every_fold("runs/{run}/fold{fold}/weights")
        ],
        penalties=results("runs/{run}/penalties.parquet"),
    log:
        logs("fit_probe/{run}.log"),
    benchmark:
        benchmarks("fit_probe/{run}.tsv")
    wildcard_constraints:
        run=one_of(PROBES),
    resources:
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        **program(
            "probe/fit_probe",
            run_settings,
            # Of the losses, only heads with hidden layers use the code.
            digest=lambda wildcards: code("probe/fit_probe", *losses_of_layers(PROBES[wildcards.run])),
            run="{run}",
        ),
    shell:
        PROGRAM


rule predict_by_probe:
    """Score a photoset with the heads of a probe of every fold that the ensemble selected or may select."""
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
        indexes=every_feature_shard("features/{photoset}/{features}/{shard}.parquet"),
        features=ancient(every_feature_shard("features/{photoset}/{features}/{shard}.npy")),
        wanted=wanted_epochs,
        history=every_fold("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(every_fold("runs/{run}/fold{fold}/weights")),
    output:
        predictions=every_fold("predictions/{photoset}/{run}/fold{fold}.parquet"),
    log:
        logs("predict_by_probe/{photoset}/{run}.log"),
    benchmark:
        benchmarks("predict_by_probe/{photoset}/{run}.tsv")
    wildcard_constraints:
        run=one_of(PROBES),
    priority: 10
    params:
        **program(
            "probe/predict_by_probe",
            lambda wildcards: canonical({"labels": SETTINGS.labels_of(PROBES[wildcards.run])}),
            run="{run}",
        ),
    shell:
        PROGRAM
