"""The student: one network that learns the ensemble's scores. Needs candidates, members and the nested estimate; gives the
targets of the student's run, its comparison with the ensemble, its votes for any photoset, and a bundle of it.

`train.smk` trains it and predicts by it like a run, and `ensemble.smk` writes its decisions. Without `distillation`
there is no student, and these rules are not used.
"""


localrules:
    keep_student,
    compare_student,


# The mean score of the folds' students decides.
VOTES = {**SETTINGS.config.votes.used(), "aggregation": "average_scores"}


rule make_distillation_targets:
    """Score each label of the training photos for the student of each fold, by an ensemble chosen without the fold."""
    input:
        scores=every_feature("ensemble/scores/{block}.parquet"),
        members=every_feature("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        taught=results("student/taught/{block}.parquet"),
    log:
        logs("make_distillation_targets/{block}.log"),
    benchmark:
        benchmarks("make_distillation_targets/{block}.tsv")
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "student/make_distillation_targets",
            block_settings(**STACKING),
            digest=code("student/make_distillation_targets", *COMBINERS),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule gather_targets:
    """Join the labels' scores into the targets of each fold's student."""
    input:
        taught=every_block("student/taught/{block}.parquet"),
    output:
        targets=every_fold("student/targets/fold{fold}.parquet"),
    log:
        logs("gather_targets.log"),
    params:
        **program("student/gather_targets", settings("labels")),
    shell:
        PROGRAM


rule keep_student:
    """Keep the student's weights if no weights of runs are kept."""
    input:
        history=results(f"runs/{SETTINGS.student}/fold{{fold}}/history.parquet"),
        weights=ancient(results(f"runs/{SETTINGS.student}/fold{{fold}}/weights")),
    output:
        weights=directory(results("student/weights/fold{fold}")),
    log:
        logs("keep_student/fold{fold}.log"),
    params:
        run=SETTINGS.student,
    shell:
        "cp -R {input.weights:q} {output.weights:q} > {log:q} 2>&1"


def of_student(path):
    """Return an input function for a path of the student per fold; without a student, the function ends the call."""

    def paths(wildcards):
        if not STUDENT:
            raise WorkflowError("distillation is null: there is no student; set it to a backbone")
        return [path.replace("{run}", SETTINGS.student) for path in every_fold(path)]

    return paths


rule evaluate_student:
    """Choose the student's epoch and thresholds; decide training photos by it and by single networks, out of fold."""
    input:
        ancient(of_student(STUDENT_WEIGHTS)) if KEEP_WEIGHTS == "none" else [],
        predictions=of_student("runs/{run}/fold{fold}/validation.parquet"),
        scores=every_block("ensemble/scores/{block}.parquet"),
        rankings=every_block("ensemble/rankings/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        chosen=results("student/chosen.parquet"),
        decisions=results("student/nested_decisions.parquet"),
        singles=results("student/single_decisions.parquet"),
    log:
        logs("evaluate_student.log"),
    benchmark:
        benchmarks("evaluate_student.tsv")
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "student/evaluate_student",
            settings("labels", "beta", threshold=SETTINGS.config.threshold, votes=VOTES, run=SETTINGS.student),
        ),
    shell:
        PROGRAM


rule compare_student:
    """Compare the student with the ensemble and the best single networks."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        ensemble=results("estimate/nested_decisions.parquet"),
        student=rules.evaluate_student.output.decisions,
        singles=rules.evaluate_student.output.singles,
        holdout_manifest=results("photos/holdout/manifest.parquet") if HOLDOUT else [],
        holdout_ensemble=results("predictions/holdout/votes.parquet") if HOLDOUT else [],
        holdout_student=results("student/predictions/holdout/votes.parquet") if HOLDOUT else [],
    output:
        scores=results("student/scores.parquet"),
        summary=results("student/summary.txt"),
    log:
        logs("compare_student.log"),
    params:
        **program("student/compare_student", settings("labels", "beta")),
    shell:
        PROGRAM


rule decide_by_student:
    """Decide on a photoset by the mean score of the folds' students."""
    input:
        results("photos/shared_photos.parquet"),
        predictions=of_student("predictions/{photoset}/{run}/fold{fold}.parquet"),
        chosen=rules.evaluate_student.output.chosen,
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        votes=results("student/predictions/{photoset}/votes.parquet"),
    log:
        logs("decide_by_student/{photoset}.log"),
    params:
        **program("student/decide_by_student", settings("labels", voting=VOTES)),
    shell:
        PROGRAM


def bundled_student(wildcards):
    """Return the student's weights; end the call, before it is trained, if a bundle cannot hold it."""
    from stylevote.bundle.backbones import refuse_arguments

    if STUDENT:
        or_refused(lambda: refuse_arguments(STUDENT["backbone_args"], "distillation: backbone_args"))
    return of_student(STUDENT_WEIGHTS)(wildcards)


rule bundle_student:
    """Put everything that the student's decisions need into one folder."""
    input:
        chosen=rules.evaluate_student.output.chosen,
        summary=rules.compare_student.output.summary,
        history=of_student("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(bundled_student),
    output:
        bundle=directory(results("student/bundle")),
    log:
        logs("bundle_student.log"),
    params:
        **program(
            "student/bundle_student",
            settings("labels", "beta", votes=VOTES, run=SETTINGS.student, setting=STUDENT),
        ),
        # Snakemake does not compare the list of inputs.
        folds=len(SETTINGS.folds),
    shell:
        PROGRAM
