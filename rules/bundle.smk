"""Decisions elsewhere. Needs the ensemble and its weights; gives a folder from which photos are decided without the workflow.

Where `bundle` asks for fewer members, these are stacked and cut anew, beside the ensemble.
"""


localrules:
    describe_runs,


use rule choose_sizes as choose_sizes_of_bundle with:
    output:
        sizes=results("ensemble/fewer/sizes.parquet"),
    log:
        logs("choose_sizes_of_bundle.log"),
    benchmark:
        benchmarks("choose_sizes_of_bundle.tsv")
    params:
        spec=spec("labels", "beta", "votes", target=SETTINGS.config["bundle"]),
        code=code("choose_sizes"),


use rule select_members as select_fewer_members with:
    input:
        scores=results("ensemble/scores/{label}.parquet"),
        rankings=results("ensemble/rankings/{label}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        sizes=bundled_sizes,
    output:
        members=results("ensemble/fewer/members/{label}.parquet"),
    log:
        logs("select_fewer_members/{label}.log"),
    benchmark:
        benchmarks("select_fewer_members/{label}.tsv")
    params:
        sized="loss" in (SETTINGS.config["bundle"] or {}),
        spec=label_spec(beta=BETA, **selection_settings(), **bundled_size()),
        code=code("select_members"),


use rule gather_members as gather_fewer_members with:
    input:
        members=every_label("ensemble/fewer/members/{label}.parquet"),
    output:
        members=results("ensemble/fewer/members.parquet"),
    log:
        logs("gather_fewer_members.log"),
    benchmark:
        benchmarks("gather_fewer_members.tsv")


use rule stack_members as stack_fewer_members with:
    input:
        scores=of_features("ensemble/scores/{label}.parquet"),
        members=of_features("ensemble/fewer/members/{label}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        stackers=every_fold("ensemble/fewer/stackers/{label}/fold{fold}.stacker"),
        grid=results("ensemble/fewer/stackers/{label}/grid.parquet"),
        stacked=results("ensemble/fewer/stackers/{label}/stacked.parquet"),
    log:
        logs("stack_fewer_members/{label}.log"),
    benchmark:
        benchmarks("stack_fewer_members/{label}.tsv")


use rule search_threshold as search_threshold_of_fewer with:
    input:
        stacked=results("ensemble/fewer/stackers/{label}/stacked.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        threshold=results("ensemble/fewer/thresholds/{label}.json"),
    log:
        logs("search_threshold_of_fewer/{label}.log"),
    benchmark:
        benchmarks("search_threshold_of_fewer/{label}.tsv")


use rule search_certainty as search_certainty_of_fewer with:
    input:
        stacked=results("ensemble/fewer/stackers/{label}/stacked.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        certain=results("ensemble/fewer/certain/{label}.json"),
    log:
        logs("search_certainty_of_fewer/{label}.log"),
    benchmark:
        benchmarks("search_certainty_of_fewer/{label}.tsv")


rule describe_runs:
    # A thousand runs are too long for a program's arguments: it is written here.
    """Write what the networks of every run are."""
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
        runs=results("ensemble/runs.json"),
        weights=ancient(weights_to_bundle),
        chosen=ancient(chosen_epochs()),
        stackers=[
            results(bundled(f"stackers/{stem}/fold{fold}.stacker")) for stem in LABEL_OF for fold in SETTINGS.folds
        ],
        thresholds=every_label(bundled("thresholds/{label}.json")),
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
        weights=lambda wildcards: results("runs/{run}/fold{fold}/weights"),
        folds=len(SETTINGS.folds),
        spec=spec(
            "labels",
            "beta",
            "votes",
            combiner=STACK["combiner"],
            features={label: SETTINGS.feature_labels(label) for label in SETTINGS.labels},
            part=SETTINGS.config["bundle"] is not None,
        ),
        code=combining_code("make_bundle"),
    shell:
        "python workflow_scripts/make_bundle.py --members {input.members:q} --runs {input.runs:q}"
        " --weights {params.weights:q} --stackers {input.stackers:q} --thresholds {input.thresholds:q}"
        " --certain {input.certain:q} --honest {input.honest:q} --folds {params.folds} --spec {params.spec:q}"
        " --output {output.bundle:q} > {log:q} 2>&1"
