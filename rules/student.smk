"""One network in the place of the ensemble. Needs the candidates, the members and the honest estimate; gives the student,
what it is worth compared with the ensemble, and its decisions for any photoset. Nothing else needs any of it.

Without `distillation` there is no student to train, and none of these files is used.
"""

from stylevote.config.identity import run_id


localrules:
    compare_student,
    write_decisions_of_student,


rule make_distillation_targets:
    """Score one label of the training photos for the student of each fold, by an ensemble chosen without the fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        taught=results("student/taught/{block}.parquet"),
    log:
        logs("make_distillation_targets/{block}.log"),
    benchmark:
        benchmarks("make_distillation_targets/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        **program(
            "student/make_distillation_targets",
            stack_spec(stack=stack_settings()),
            digest=combining_code("student/make_distillation_targets"),
            threads="{threads}",
        ),
    shell:
        PROGRAM


rule gather_targets:
    """Put the labels' scores together: the targets of each fold's student."""
    input:
        taught=every_block("student/taught/{block}.parquet"),
    output:
        targets=every_fold("student/targets/fold{fold}.parquet"),
    log:
        logs("gather_targets.log"),
    benchmark:
        benchmarks("gather_targets.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("student/gather_targets", spec("labels")),
    shell:
        PROGRAM


use rule train_cnn as train_student with:
    """Train the student of one fold on the ensemble's scores; keep every epoch's weights and out-of-fold predictions."""
    input:
        first_comparison,
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        epochs=run_path("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
        index=run_path("pixels/train/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/train/{size}/pixels.bin")),
        recolored_index=recolored_path("pixels/train-recolored/{size}/index.parquet"),
        recolored_pixels=ancient(recolored_path("pixels/train-recolored/{size}/pixels.bin")),
        targets=results("student/targets/fold{fold}.parquet"),
        start=start_weights,
    output:
        history=results("student/fold{fold}/history.parquet"),
        validation=results("student/fold{fold}/validation.parquet"),
        weights=directory(results("student/fold{fold}/weights")),
    log:
        logs("train_student/fold{fold}.log"),
    benchmark:
        benchmarks("train_student/fold{fold}.tsv")
    params:
        **program(
            "train/train_cnn",
            run_spec,
            digest=loss_code,
            run="student",
            fold="{fold}",
            threads="{threads}",
            processes="{resources.gpu}",
        ),


def label_limits():
    """The least and most labels of a photo."""
    return SETTINGS.config.votes.only("min_labels", "max_labels")


rule evaluate_student:
    """Choose the student's epoch and thresholds; decide on the training photos by it and by single networks, honestly."""
    input:
        predictions=every_fold("student/fold{fold}/validation.parquet"),
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
    conda:
        "../envs/environment.yaml"
    resources:
        mem_mb=by_attempt(4000),
    params:
        **program(
            "student/evaluate_student",
            spec("labels", "beta", threshold=SETTINGS.config.threshold, limits=label_limits()),
        ),
    shell:
        PROGRAM


rule compare_student:
    """Compare the student with the ensemble and the best single networks."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        ensemble=results("estimate/nested_decisions.parquet"),
        student=results("student/nested_decisions.parquet"),
        singles=results("student/single_decisions.parquet"),
        holdout_manifest=if_held_out("photos/holdout/manifest.parquet"),
        holdout_ensemble=if_held_out("predictions/holdout/votes.parquet"),
        holdout_student=if_held_out("student/predictions/holdout/votes.parquet"),
    output:
        scores=results("student/scores.parquet"),
        summary=results("student/summary.txt"),
    log:
        logs("compare_student.log"),
    conda:
        "../envs/environment.yaml"
    params:
        **program("student/compare_student", spec("labels", "beta")),
    shell:
        PROGRAM


use rule predict_photos as predict_by_student with:
    """Score a photoset with the student's networks of every fold, at the epoch that was chosen."""
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
        index=run_path("pixels/{photoset}/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/{photoset}/{size}/pixels.bin")),
        wanted=results("student/chosen.parquet"),
        history=every_fold("student/fold{fold}/history.parquet"),
        weights=ancient(every_fold("student/fold{fold}/weights")),
    output:
        predictions=every_fold("student/predictions/{photoset}/fold{fold}.parquet"),
    log:
        logs("predict_by_student/{photoset}.log"),
    benchmark:
        benchmarks("predict_by_student/{photoset}.tsv")
    params:
        **program(
            "train/predict_photos",
            run_spec,
            run="student",
            kept=results("student/scores/{photoset}"),
            code=code("train/predict_photos"),
            threads="{threads}",
        ),


rule decide_by_student:
    """Decide on a photoset by the mean score of the folds' students."""
    input:
        results("photos/shared_photos.parquet"),
        predictions=every_fold("student/predictions/{photoset}/fold{fold}.parquet"),
        chosen=results("student/chosen.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        votes=results("student/predictions/{photoset}/votes.parquet"),
    log:
        logs("decide_by_student/{photoset}.log"),
    benchmark:
        benchmarks("decide_by_student/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("student/decide_by_student", spec("labels", limits=label_limits())),
    shell:
        PROGRAM


def students_weights_to_bundle(wildcards):
    """The weights of the student."""
    refuse_to_bundle(trained_setting(wildcards), "distillation")
    return every_fold("student/fold{fold}/weights")


rule bundle_student:
    """Put all that the student's decisions need into one folder."""
    input:
        chosen=results("student/chosen.parquet"),
        summary=results("student/summary.txt"),
        history=every_fold("student/fold{fold}/history.parquet"),
        weights=ancient(students_weights_to_bundle),
    output:
        bundle=directory(results("student/bundle")),
    log:
        logs("bundle_student.log"),
    benchmark:
        benchmarks("bundle_student.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program(
            "student/bundle_student",
            spec("labels", "beta", limits=label_limits(), run=STUDENT and run_id(STUDENT), setting=STUDENT),
        ),
        # Snakemake does not compare which input files there are.
        folds=len(SETTINGS.folds),
    shell:
        PROGRAM


use rule score_decisions as score_decisions_of_student with:
    input:
        votes=results("student/predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        scores=results("student/predictions/{photoset}/scores.parquet"),
    log:
        logs("score_decisions_of_student/{photoset}.log"),
    benchmark:
        benchmarks("score_decisions_of_student/{photoset}.tsv")


use rule write_decisions as write_decisions_of_student with:
    input:
        results("student/predictions/{photoset}/scores.parquet"),
        votes=results("student/predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        decisions=results("student/predictions/{photoset}/decisions.csv"),
    log:
        logs("write_decisions_of_student/{photoset}.log"),
