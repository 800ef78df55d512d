"""One network in the place of the ensemble. Needs the candidates, the members and the honest estimate; gives the student,
what it is worth beside the ensemble, and its decisions for any photoset. Nothing else needs any of it.

Without `distil` there is no student to train, and none of these files is used.
"""


localrules:
    compare_student,
    write_decisions_of_student,


rule teach_labels:
    """Score one label of the training photos for the student of each fold, by an ensemble chosen without the fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        scores=results("distilled/taught/{block}.parquet"),
    log:
        logs("teach_labels/{block}.log"),
    benchmark:
        benchmarks("teach_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        spec=stack_spec(stack=stack_settings()),
        code=combining_code("teach_labels"),
    shell:
        "python workflow_scripts/teach_labels.py --scores {input.scores:q} --members {input.members:q}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q} --threads {threads}"
        " --output {output.scores:q} > {log:q} 2>&1"


rule gather_targets:
    """Put the labels' scores together: what the student of each fold learns."""
    input:
        scores=every_block("distilled/taught/{block}.parquet"),
    output:
        targets=every_fold("distilled/targets/fold{fold}.parquet"),
    log:
        logs("gather_targets.log"),
    benchmark:
        benchmarks("gather_targets.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=spec("labels"),
        code=code("gather_targets"),
    shell:
        "python workflow_scripts/gather_targets.py --scores {input.scores:q} --spec - <<< {params.spec:q}"
        " --outputs {output.targets:q} > {log:q} 2>&1"


rule train_student:
    """Train the student of one fold on the ensemble's scores; keep every epoch's weights and out-of-fold predictions."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        epochs=run_path("manifests/{recipe}/{epochs}/fold{fold}.parquet"),
        index=run_path("pixels/train/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/train/{size}/pixels.bin")),
        recolored_index=recolored_path("pixels/train-recolored/{size}/index.parquet"),
        recolored_pixels=ancient(recolored_path("pixels/train-recolored/{size}/pixels.bin")),
        targets=results("distilled/targets/fold{fold}.parquet"),
        compared=first_comparison,
        weights=start_weights,
    output:
        history=results("distilled/fold{fold}/history.parquet"),
        validation=results("distilled/fold{fold}/validation.parquet"),
        weights=directory(results("distilled/fold{fold}/weights")),
    log:
        logs("train_student/fold{fold}.log"),
    benchmark:
        benchmarks("train_student/fold{fold}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        # No more at another attempt: it goes on from the last finished epoch.
        runtime=1440,
    params:
        spec=run_spec,
        code=loss_code,
    shell:
        "python workflow_scripts/train_cnn.py --manifest {input.manifest:q} --fold-table {input.folds:q}"
        " --epochs {input.epochs:q} --index {input.index:q} --pixels {input.pixels:q} --fold {wildcards.fold}"
        " --recolored-index {input.recolored_index:q} --recolored-pixels {input.recolored_pixels:q}"
        " --targets {input.targets:q} --run student --start {input.weights:q}"
        " --spec - <<< {params.spec:q} --threads {threads} --processes {resources.gpu} --history {output.history:q}"
        " --validation {output.validation:q} --weights {output.weights:q} > {log:q} 2>&1"


rule judge_student:
    """Choose the student's epoch and thresholds; decide on the training photos by it and by single networks, honestly."""
    input:
        predictions=every_fold("distilled/fold{fold}/validation.parquet"),
        scores=every_block("ensemble/scores/{block}.parquet"),
        rankings=every_block("ensemble/rankings/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        chosen=results("distilled/chosen.parquet"),
        decisions=results("distilled/honest_decisions.parquet"),
        singles=results("distilled/single_decisions.parquet"),
    log:
        logs("judge_student.log"),
    benchmark:
        benchmarks("judge_student.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(60),
    params:
        spec=spec("labels", "beta", threshold=threshold_settings(), votes=label_limits()),
        code=code("judge_student"),
    shell:
        "python workflow_scripts/judge_student.py --predictions {input.predictions:q} --scores {input.scores:q}"
        " --rankings {input.rankings:q} --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q}"
        " --chosen {output.chosen:q} --decisions {output.decisions:q} --singles {output.singles:q} > {log:q} 2>&1"


rule compare_student:
    """Say what the student is worth beside the ensemble and the best single networks."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        ensemble=results("ensemble/honest_decisions.parquet"),
        student=results("distilled/honest_decisions.parquet"),
        singles=results("distilled/single_decisions.parquet"),
        locked=[
            if_locked("photos/locked/manifest.parquet"),
            if_locked("predictions/locked/votes.parquet"),
            if_locked("distilled/predictions/locked/votes.parquet"),
        ],
    output:
        scores=results("distilled/scores.parquet"),
        summary=results("distilled/summary.txt"),
    log:
        logs("compare_student.log"),
    conda:
        "../envs/environment.yaml"
    params:
        spec=spec("labels", "beta"),
        code=code("compare_student"),
    shell:
        "python workflow_scripts/compare_student.py --manifest {input.manifest:q} --ensemble {input.ensemble:q}"
        " --student {input.student:q} --singles {input.singles:q} --locked {input.locked:q} --spec - <<< {params.spec:q}"
        " --output {output.scores:q} --summary {output.summary:q} > {log:q} 2>&1"


rule predict_by_student:
    """Score a photoset with the student's networks of every fold, at the epoch that was chosen."""
    input:
        manifest=results("photos/{photoset}/manifest.parquet"),
        index=run_path("pixels/{photoset}/{size}/index.parquet"),
        pixels=ancient(run_path("pixels/{photoset}/{size}/pixels.bin")),
        wanted=results("distilled/chosen.parquet"),
        history=every_fold("distilled/fold{fold}/history.parquet"),
        weights=ancient(every_fold("distilled/fold{fold}/weights")),
    output:
        predictions=every_fold("distilled/predictions/{photoset}/fold{fold}.parquet"),
    log:
        logs("predict_by_student/{photoset}.log"),
    benchmark:
        benchmarks("predict_by_student/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        gpu=1,
        mem_mb=by_attempt(8000),
        runtime=by_attempt(240),
    params:
        kept=lambda wildcards: results(f"distilled/scores/{wildcards.photoset}"),
        spec=run_spec,
        code=code("predict_photos"),
    shell:
        "python workflow_scripts/predict_photos.py --manifest {input.manifest:q} --index {input.index:q} --pixels {input.pixels:q}"
        " --wanted {input.wanted:q} --history {input.history:q} --weights {input.weights:q} --run student"
        " --kept {params.kept:q} --code {params.code} --spec - <<< {params.spec:q} --threads {threads}"
        " --output {output.predictions:q} > {log:q} 2>&1"


rule decide_by_student:
    """Decide on a photoset by the mean score of the folds' students."""
    input:
        predictions=every_fold("distilled/predictions/{photoset}/fold{fold}.parquet"),
        chosen=results("distilled/chosen.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
        compared=results("photos/shared_photos.parquet"),
    output:
        votes=results("distilled/predictions/{photoset}/votes.parquet"),
    log:
        logs("decide_by_student/{photoset}.log"),
    benchmark:
        benchmarks("decide_by_student/{photoset}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=spec("labels", votes=label_limits()),
        code=code("decide_by_student"),
    shell:
        "python workflow_scripts/decide_by_student.py --predictions {input.predictions:q} --chosen {input.chosen:q}"
        " --manifest {input.manifest:q} --spec - <<< {params.spec:q} --output {output.votes:q} > {log:q} 2>&1"


rule bundle_student:
    """Put all that the student's decisions need into one folder."""
    input:
        chosen=results("distilled/chosen.parquet"),
        summary=results("distilled/summary.txt"),
        history=every_fold("distilled/fold{fold}/history.parquet"),
        weights=ancient(students_weights_to_bundle),
    output:
        bundle=directory(results("distilled/bundle")),
    log:
        logs("bundle_student.log"),
    benchmark:
        benchmarks("bundle_student.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        folders=lambda wildcards: every_fold("distilled/fold{fold}"),
        spec=spec("labels", "beta", votes=label_limits(), run=STUDENT and run_id(STUDENT), setting=STUDENT),
        code=code("bundle_student"),
    shell:
        "python workflow_scripts/bundle_student.py --chosen {input.chosen:q} --summary {input.summary:q}"
        " --folders {params.folders:q} --spec - <<< {params.spec:q} --output {output.bundle:q} > {log:q} 2>&1"


use rule score_decisions as score_decisions_of_student with:
    input:
        votes=results("distilled/predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        scores=results("distilled/predictions/{photoset}/scores.parquet"),
    log:
        logs("score_decisions_of_student/{photoset}.log"),
    benchmark:
        benchmarks("score_decisions_of_student/{photoset}.tsv")


use rule write_decisions as write_decisions_of_student with:
    input:
        results("distilled/predictions/{photoset}/scores.parquet"),
        votes=results("distilled/predictions/{photoset}/votes.parquet"),
        manifest=results("photos/{photoset}/manifest.parquet"),
    output:
        decisions=results("distilled/predictions/{photoset}/decisions.csv"),
    log:
        logs("write_decisions_of_student/{photoset}.log"),
