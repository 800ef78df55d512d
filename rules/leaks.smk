"""Alarms for leaks. Needs the candidates, the members and the honest estimate; gives what was tried and what was found."""


localrules:
    check_leaks,


rule check_labels:
    """Try one label's ensemble on labels in random order and on noise; measure its runs fold by fold."""
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        alarms=results("ensemble/leaks/{block}/alarms.parquet"),
        figures=results("ensemble/leaks/{block}/figures.parquet"),
    log:
        logs("check_labels/{block}.log"),
    benchmark:
        benchmarks("check_labels/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(720),
    params:
        spec=stack_spec(selection=selection_settings(), stack=stack_settings(), threshold=threshold_settings(), seed=1),
        code=combining_code("check_labels"),
    shell:
        "python workflow_scripts/check_labels.py --scores {input.scores:q} --members {input.members:q}"
        " --manifest {input.manifest:q} --fold-table {input.folds:q} --spec - <<< {params.spec:q} --threads {threads}"
        " --alarms {output.alarms:q} --figures {output.figures:q} > {log:q} 2>&1"


rule check_leaks:
    """Gather the alarms, and say which are raised."""
    input:
        alarms=every_block("ensemble/leaks/{block}/alarms.parquet"),
        figures=every_block("ensemble/leaks/{block}/figures.parquet"),
        honest=results("ensemble/honest.parquet"),
    output:
        alarms=results("ensemble/leaks.parquet"),
    log:
        logs("check_leaks.log"),
    conda:
        "../envs/environment.yaml"
    params:
        code=code("check_leaks"),
    shell:
        "python workflow_scripts/check_leaks.py --alarms {input.alarms:q} --figures {input.figures:q}"
        " --honest {input.honest:q} --output {output.alarms:q} > {log:q} 2>&1"
