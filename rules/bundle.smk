"""Decisions elsewhere. Needs the ensemble and its weights; gives a folder from which photos are decided without the workflow."""


localrules:
    describe_runs,


rule describe_runs:
    """Write what the networks of every run are. A thousand are too long for a program's arguments: it is done here."""
    output:
        runs=results("ensemble/runs.json"),
    log:
        logs("describe_runs.log"),
    params:
        spec=lambda wildcards: canonical(settings_of_runs()),
    run:
        write_json(settings_of_runs(), Path(output.runs))


rule make_bundle:
    """Put everything that a decision needs into one folder."""
    input:
        members=results(bundled("members.parquet")),
        whole=results("ensemble/members.parquet"),
        runs=results("ensemble/runs.json"),
        histories=every_run("runs/{run}/fold{fold}/history.parquet"),
        weights=ancient(weights_to_bundle),
        chosen=ancient(chosen_epochs()),
        stackers=every_block(bundled("stackers/{block}.parquet")),
        thresholds=every_block(bundled("thresholds/{block}.parquet")),
        certain=certainty(bundled("")),
        honest=results("ensemble/honest.parquet"),
    output:
        bundle=directory(results("bundle")),
    log:
        logs("make_bundle.log"),
    benchmark:
        benchmarks("make_bundle.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(60),
    params:
        folders=lambda wildcards: results("runs/{run}/fold{fold}"),
        folds=len(SETTINGS.folds),
        spec=spec(
            "labels",
            "beta",
            "votes",
            combiner=STACK["combiner"],
            features=SETTINGS.common_features,
            abstain=SETTINGS.config["abstain"] is not None,
            fewer=BUNDLE,
        ),
        code=combining_code("make_bundle"),
    shell:
        "python workflow_scripts/make_bundle.py --members {input.members:q} --runs {input.runs:q}"
        " --whole {input.whole:q} --folders {params.folders:q} --stackers {input.stackers:q} --thresholds {input.thresholds:q}"
        " --certain {input.certain:q} --honest {input.honest:q} --folds {params.folds} --spec - <<< {params.spec:q}"
        " --output {output.bundle:q} > {log:q} 2>&1"
