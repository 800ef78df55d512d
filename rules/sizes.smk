"""Size against score. Needs the candidates' rankings; gives what ensembles of several sizes are worth and cost, and, where
`target` is set, the size that is enough."""


rule estimate_sizes:
    """Decide one label of every training photo by ensembles of several sizes, chosen without the photo's fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        rankings=of_features("ensemble/rankings/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        estimates=results("ensemble/sizes/{block}/estimates.parquet"),
        members=results("ensemble/sizes/{block}/members.parquet"),
    log:
        logs("estimate_sizes/{block}.log"),
    benchmark:
        benchmarks("estimate_sizes/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(1440),
    params:
        spec=stack_spec(selection=selection_settings(), stack=stack_settings(), threshold=threshold_settings()),
        code=combining_code("estimate_sizes"),
    shell:
        "python workflow_scripts/estimate_sizes.py --scores {input.scores:q} --rankings {input.rankings:q}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q} --threads {threads}"
        " --estimates {output.estimates:q} --members {output.members:q} > {log:q} 2>&1"


rule measure_sizes:
    """Set the honest macro F-beta of every size beside its members, CNNs and hours of training."""
    input:
        estimates=every_block("ensemble/sizes/{block}/estimates.parquet"),
        members=every_block("ensemble/sizes/{block}/members.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
    output:
        curve=results("ensemble/size_curve.parquet"),
    log:
        logs("measure_sizes.log"),
    benchmark:
        benchmarks("measure_sizes.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        histories=lambda wildcards: results("runs/{run}/fold{fold}/history.parquet"),
        runs=list(SETTINGS.runs),
        folds=len(SETTINGS.folds),
        spec=spec("labels", "beta", "votes"),
        code=code("measure_sizes"),
    shell:
        "python workflow_scripts/measure_sizes.py --estimates {input.estimates:q} --members {input.members:q}"
        " --manifest {input.manifest:q} --histories {params.histories:q} --runs {params.runs:q} --folds {params.folds}"
        " --spec - <<< {params.spec:q} --output {output.curve:q} > {log:q} 2>&1"


rule choose_sizes:
    """Choose the smallest size within `target.loss` of the best, by all photos and by those outside each fold."""
    input:
        estimates=every_block("ensemble/sizes/{block}/estimates.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        members=[],
        whole=[],
    output:
        sizes=results("ensemble/chosen_sizes.parquet"),
    log:
        logs("choose_sizes.log"),
    benchmark:
        benchmarks("choose_sizes.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(10),
    params:
        spec=spec("labels", "beta", "votes", "target"),
        code=code("choose_sizes"),
    shell:
        "python workflow_scripts/choose_sizes.py --estimates {input.estimates:q} --manifest {input.manifest:q}"
        " --fold-table {input.folds:q} --members {input.members:q} --whole {input.whole:q} --spec - <<< {params.spec:q}"
        " --output {output.sizes:q} > {log:q} 2>&1"
