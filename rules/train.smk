"""Training and prediction, of runs and of the student. Needs pixel caches, folds and each epoch's photos; gives weights and
scores of every epoch, and scores of other photosets.

Pixels and weights are large: they must exist, but their time does not count (`ancient`). Snakemake compares the content
of the small file that is made with them: the index or the history. (At least one input of a job must not be `ancient`: if
all are, Snakemake 9.27 plans that job and does not check the jobs that follow.)
"""


def of_run(path, condition=lambda run: True, *, scoring=False):
    """Return an input function for a path that depends on a run's setting, if the run meets the condition.

    In the path, `{size}`, `{recipe}` and `{epochs}` are replaced by the run's. The size is that of its training or, if
    `scoring`, of the photos that it scores.
    """
    path = results(path)

    def path_of(wildcards):
        setting = TRAINED[wildcards.run]
        size = score_size(setting) if scoring else setting["size"]
        names = {"size": size, "recipe": setting["recipe"], "epochs": epochs_of(setting)}
        return path.format(**{**wildcards, **names}) if condition(wildcards.run) else []

    return path_of


def has_test_size(run):
    """Return whether a run scores photos at another size than it is trained at."""
    return score_size(TRAINED[run]) != TRAINED[run]["size"]


def first_comparison(wildcards):
    """Return the comparison of photosets if neither it nor the training exists: the first training waits for it.

    If the comparison is lost later, no network is trained again.
    """
    paths = ["photos/shared_photos.parquet", "runs/{run}/fold{fold}/history.parquet"]
    paths = [results(path).format(**wildcards) for path in paths]
    # Another node plans a job again, after its old results were removed.
    return [] if any(map(os.path.exists, paths)) or not workflow.is_main_process else paths[0]


def run_settings(wildcards):
    """Return the settings that a run's networks depend on."""
    setting = TRAINED[wildcards.run]
    return canonical({"labels": SETTINGS.labels_of(setting), "setting": setting})


def start_content(wildcards):
    """Return a digest of the user's file of weights that a training starts from: the user may replace it."""
    return quick_fingerprint(start_weights(TRAINED[wildcards.run]))


def of_head(path):
    """Return an input function for a path of the probe whose head a run starts from."""
    path = results(path)

    def path_of(wildcards):
        probe = SETTINGS.head_probes.get(wildcards.run)
        return path.format(run=probe, fold=wildcards.fold) if probe else []

    return path_of


# Snakemake removes temporary weights when the photosets of the call are scored.
WEIGHTS = directory(results("runs/{run}/fold{fold}/weights"))


rule train_cnn:
    """Train one run on one fold; keep every epoch's weights and out-of-fold predictions."""
    input:
        first_comparison,
        checked_before("runs/{run}/fold{fold}/history.parquet"),
        # The probe's scores stand for its head, which Snakemake does not compare. Its history also has times.
        of_head("runs/{run}/fold{fold}/validation.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        epochs=of_run("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
        index=of_run("pixels/train/{size}/index.parquet"),
        pixels=ancient(of_run("pixels/train/{size}/pixels.bin")),
        recolored_index=of_run("pixels/train-recolored/{size}/index.parquet", SETTINGS.sees_recolored),
        recolored_pixels=ancient(of_run("pixels/train-recolored/{size}/pixels.bin", SETTINGS.sees_recolored)),
        test_index=of_run("pixels/train/{size}/index.parquet", has_test_size, scoring=True),
        test_pixels=ancient(of_run("pixels/train/{size}/pixels.bin", has_test_size, scoring=True)),
        # The student learns the ensemble's scores, and the runs learn labels.
        targets=of_run("student/targets/fold{fold}.parquet", lambda run: run == SETTINGS.student),
        start=lambda wildcards: start_weights(TRAINED[wildcards.run]),
        head=ancient(of_head("runs/{run}/fold{fold}/weights")),
    output:
        history=results("runs/{run}/fold{fold}/history.parquet"),
        validation=results("runs/{run}/fold{fold}/validation.parquet"),
        weights=temp(WEIGHTS) if KEEP_WEIGHTS == "none" else WEIGHTS,
    log:
        logs("train_cnn/{run}/fold{fold}.log"),
    benchmark:
        benchmarks("train_cnn/{run}/fold{fold}.tsv")
    wildcard_constraints:
        run=one_of(TUNED),
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        # No more time at another attempt, which continues after the last finished epoch.
        runtime=1440,
    params:
        **program(
            "train/train_cnn",
            run_settings,
            # Only the code of the run's own loss counts.
            digest=lambda wildcards: code(
                "train/train_cnn", *(f"cnn/losses/{name}" for name in TRAINED[wildcards.run]["loss"])
            ),
            run="{run}",
            fold="{fold}",
            threads="{threads}",
            processes="{resources.gpu}",
        ),
        start=start_content,
        head=lambda wildcards: SETTINGS.head_probes.get(wildcards.run),
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
    # Before further networks are trained: it frees disk space.
    priority: 10
    params:
        **program(
            "train/choose_epochs",
            lambda wildcards: canonical({"labels": SETTINGS.labels_of(TRAINED[wildcards.run]), "beta": BETA}),
            run="{run}",
        ),
    shell:
        PROGRAM


# The jobs that make these lists also remove weights of epochs that cannot become members. Votes only wait for them.
CHOSEN_EPOCHS = expand(rules.choose_epochs.output.epochs, run=SETTINGS.runs) if KEEP_WEIGHTS == "selectable" else []


def wanted_epochs(wildcards):
    """Return the list of epochs to predict with: the ensemble's members, or the epoch of the student.

    If no weights are kept, it is every epoch of the run that may become a member: a run's weights then do not wait for
    other runs to be trained.
    """
    if wildcards.run == SETTINGS.student:
        return results("student/chosen.parquet")
    path = "runs/{run}/epochs.parquet" if KEEP_WEIGHTS == "none" else "ensemble/members.parquet"
    return results(path).format(run=wildcards.run)


RUN_WEIGHTS = "runs/{run}/fold{fold}/weights"
# If no weights of runs are kept, those of the student are, in a folder of their own.
STUDENT_WEIGHTS = "student/weights/fold{fold}" if KEEP_WEIGHTS == "none" else RUN_WEIGHTS


rule predict_photos:
    """Score a photoset with one run's networks of every fold, at the epochs that the ensemble selected or may select.

    Scores are kept: if other members are selected, only missing scores are computed.
    """
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
        index=of_run("pixels/{photoset}/{size}/index.parquet", scoring=True),
        pixels=ancient(of_run("pixels/{photoset}/{size}/pixels.bin", scoring=True)),
        wanted=wanted_epochs,
        history=every_fold("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(
            lambda wildcards: every_fold(STUDENT_WEIGHTS if wildcards.run == SETTINGS.student else RUN_WEIGHTS)
        ),
    output:
        predictions=every_fold("predictions/{photoset}/{run}/fold{fold}.parquet"),
    log:
        logs("predict_photos/{photoset}/{run}.log"),
    benchmark:
        benchmarks("predict_photos/{photoset}/{run}.tsv")
    wildcard_constraints:
        run=one_of(TUNED),
    # Before further networks are trained: it may free disk space.
    priority: 10
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        **program(
            "train/predict_photos",
            run_settings,
            run="{run}",
            kept=results("scores/{photoset}/{run}"),
            code=code("train/predict_photos"),
            threads="{threads}",
        ),
        start=start_content,
    shell:
        PROGRAM
