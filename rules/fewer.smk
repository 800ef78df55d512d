"""A smaller ensemble for the bundle. Needs the ensemble's members; gives the first of them, stacked and cut anew.

They lie beside the ensemble, which stays as it is. Without `bundle` in the configuration, none of these files is used.
"""


use rule choose_sizes as choose_sizes_of_bundle with:
    input:
        estimates=every_label("ensemble/sizes/{label}/estimates.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        members=every_label("ensemble/members/{label}.parquet"),
        whole=results("ensemble/honest_decisions.parquet"),
    output:
        sizes=results("ensemble/fewer/sizes.parquet"),
    log:
        logs("choose_sizes_of_bundle.log"),
    benchmark:
        benchmarks("choose_sizes_of_bundle.tsv")
    params:
        spec=spec("labels", "beta", "votes", target=BUNDLE),
        code=code("choose_sizes"),


rule shorten_members:
    """Keep the first members of one label's."""
    input:
        members=results("ensemble/members/{label}.parquet"),
        sizes=bundled_sizes,
    output:
        members=results("ensemble/fewer/members/{label}.parquet"),
    log:
        logs("shorten_members/{label}.log"),
    benchmark:
        benchmarks("shorten_members/{label}.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(1000),
        runtime=by_attempt(10),
    params:
        sized="loss" in (BUNDLE or {}),
        spec=label_spec(members=(BUNDLE or {}).get("members")),
        code=code("shorten_members"),
    shell:
        "python workflow_scripts/shorten_members.py --members {input.members:q} --sizes {input.sizes:q}"
        " --spec {params.spec:q} --output {output.members:q} > {log:q} 2>&1"


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
