"""Training and prediction. Needs pixel caches, folds and each epoch's photos; gives weights and scores of every epoch.

Pixels and weights are large: they must be there, but their time means nothing (`ancient`). The small file that is made
with them, the index or the history, is compared by content in their place. (At least one input of a job must not be
`ancient`: if all are, Snakemake 9.27 plans that job and forgets to look at those that follow.)
"""


def trained_setting(wildcards):
    """The setting of the wildcards' run; without a run, the student's."""
    if "run" in wildcards.keys():
        return SETTINGS.runs[wildcards.run]
    if not STUDENT:
        raise WorkflowError("distillation is null: there is no student; let it name a backbone")
    return STUDENT


def run_labels(wildcards):
    """The labels that a run's networks, or the student's, predict."""
    return SETTINGS.labels_of(trained_setting(wildcards))


def run_spec(wildcards):
    """The settings that a run's networks depend on."""
    return canonical({"labels": run_labels(wildcards), "setting": trained_setting(wildcards)})


def run_path(path):
    """A path that depends on a run's setting: `{size}`, `{recipe}` and `{epochs}` stand in it for the run's."""

    def of_run(wildcards):
        setting = trained_setting(wildcards)
        names = {"size": setting["size"], "recipe": setting["recipe"], "epochs": epochs_of(setting), **wildcards}
        return results(path).format(**names)

    return of_run


def recolored_path(path):
    """A path that depends on a run's setting, if the run's recipe uses recoloured photos."""
    of_run = run_path(path)

    def if_used(wildcards):
        return of_run(wildcards) if uses_recolored(trained_setting(wildcards)["recipe"]) else []

    return if_used


def first_comparison(wildcards):
    """The comparison of photosets, unless there has been one: no training begins before, but later ones train nothing.

    If it was lost, and is made again, nothing that was trained is trained again.
    """
    path = results("photos/shared_photos.parquet")
    trained = results("runs/{run}/fold{fold}" if "run" in wildcards.keys() else "student/fold{fold}")
    history = f"{trained}/history.parquet".format(**wildcards)
    return [] if os.path.exists(path) or os.path.exists(history) else path


def start_weights(wildcards):
    """The file of weights that a training starts from, if the user brings one."""
    weights = trained_setting(wildcards)["weights"]
    return [] if weights in ("none", "pretrained") else weights


def start_content(wildcards):
    """What the file of weights that a training starts from is known by, if the user brings one: it may be replaced."""
    return quick_fingerprint([start_weights(wildcards)]) if start_weights(wildcards) else ""


def loss_code(wildcards):
    """The code of a run's training: of the losses, its own alone."""
    (loss,) = trained_setting(wildcards)["loss"]
    return code("train/train_cnn", f"cnn/losses/{loss}")


def unless_kept(weights):
    """Weights that Snakemake removes once the photosets are scored, if none are to be kept."""
    return temp(weights) if KEEP_WEIGHTS == "none" else weights


rule train_cnn:
    """Train one run on one fold; keep every epoch's weights and out-of-fold predictions."""
    input:
        first_comparison,
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        epochs=run_path("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
        index=run_path("pixels/train/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/train/{size}/pixels.bin")),
        recolored_index=recolored_path("pixels/train-recolored/{size}/index.parquet"),
        recolored_pixels=ancient(recolored_path("pixels/train-recolored/{size}/pixels.bin")),
        start=start_weights,
    output:
        history=results("runs/{run}/fold{fold}/history.parquet"),
        validation=results("runs/{run}/fold{fold}/validation.parquet"),
        weights=unless_kept(directory(results("runs/{run}/fold{fold}/weights"))),
    log:
        logs("train_cnn/{run}/fold{fold}.log"),
    benchmark:
        benchmarks("train_cnn/{run}/fold{fold}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        # No more at another attempt: it goes on from the last finished epoch.
        runtime=1440,
    params:
        **program(
            "train/train_cnn",
            run_spec,
            digest=loss_code,
            run="{run}",
            fold="{fold}",
            threads="{threads}",
            processes="{resources.gpu}",
        ),
        start=start_content,
    shell:
        PROGRAM


rule choose_epochs:
    """List the epochs of a run that may become members, and remove the others' weights."""
    input:
        predictions=every_fold("runs/{run}/fold{fold}/validation.parquet"),
        weights=ancient(every_fold("runs/{run}/fold{fold}/weights")),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        epochs=results("runs/{run}/epochs.parquet"),
    log:
        logs("choose_epochs/{run}.log"),
    benchmark:
        benchmarks("choose_epochs/{run}.tsv")
    # Before further networks are trained: it makes room for theirs.
    priority: 10
    conda:
        "../envs/environment.yaml"
    params:
        **program(
            "train/choose_epochs",
            lambda wildcards: canonical({"labels": run_labels(wildcards), "beta": BETA}),
            run="{run}",
        ),
    shell:
        PROGRAM


def wanted_epochs(wildcards):
    """The list of epochs to predict with: the ensemble's members; or, so that weights can be removed before all runs are
    trained, all of the run that may become members."""
    return results(f"runs/{wildcards.run}/epochs.parquet" if KEEP_WEIGHTS == "none" else "ensemble/members.parquet")


rule predict_photos:
    """Score a photoset with one run's networks of every fold, at the epochs that the ensemble selected or may select.

    Scores are kept: if other members were selected, only what they lack is computed.
    """
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
        index=run_path("pixels/{photoset}/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/{photoset}/{size}/pixels.bin")),
        wanted=wanted_epochs,
        history=every_fold("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(every_fold("runs/{run}/fold{fold}/weights")),
    output:
        predictions=every_fold("predictions/{photoset}/{run}/fold{fold}.parquet"),
    log:
        logs("predict_photos/{photoset}/{run}.log"),
    benchmark:
        benchmarks("predict_photos/{photoset}/{run}.tsv")
    # If it runs before further networks are trained, it makes room for theirs.
    priority: 10
    conda:
        "../envs/environment.yaml"
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        **program(
            "train/predict_photos",
            run_spec,
            run="{run}",
            kept=results("scores/{photoset}/{run}"),
            code=code("train/predict_photos"),
            threads="{threads}",
        ),
        start=start_content,
    shell:
        PROGRAM
