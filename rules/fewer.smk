"""A smaller ensemble for the bundle. Needs the ensemble's members; gives the first of them, their stackers and thresholds.

The ensemble itself stays as it is. Without `bundle` in the configuration, none of these files is used.
"""


use rule choose_sizes as choose_sizes_of_bundle with:
    input:
        estimates=every_block("estimate/sizes/{block}/estimates.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
        members=every_block("ensemble/members/{block}.parquet"),
        whole=results("estimate/nested_decisions.parquet"),
    output:
        sizes=results("ensemble/fewer/sizes.parquet"),
    log:
        logs("choose_sizes_of_bundle.log"),
    benchmark:
        benchmarks("choose_sizes_of_bundle.tsv")
    params:
        **program("estimate/choose_sizes", size_spec(BUNDLE and BUNDLE.tolerance)),


def bundled_sizes(wildcards):
    """The sizes that `bundle.tolerance` chooses, if it is set."""
    return results("ensemble/fewer/sizes.parquet") if (BUNDLE and BUNDLE.tolerance) is not None else []


rule shorten_members:
    """Keep the first members of one label's."""
    input:
        selections=results("ensemble/members/{block}.parquet"),
        sizes=bundled_sizes,
    output:
        members=results("ensemble/fewer/members/{block}.parquet"),
    log:
        logs("shorten_members/{block}.log"),
    benchmark:
        benchmarks("shorten_members/{block}.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("ensemble/shorten_members", block_spec(most=BUNDLE and BUNDLE.members)),
        sized=(BUNDLE and BUNDLE.tolerance) is not None,
    shell:
        PROGRAM


use rule gather_members as gather_fewer_members with:
    input:
        selections=every_block("ensemble/fewer/members/{block}.parquet"),
    output:
        members=results("ensemble/fewer/members.parquet"),
    log:
        logs("gather_fewer_members.log"),
    benchmark:
        benchmarks("gather_fewer_members.tsv")


use rule stack_members as stack_fewer_members with:
    input:
        scores=of_features("ensemble/scores/{block}.parquet"),
        members=of_features("ensemble/fewer/members/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        stackers=results("ensemble/fewer/stackers/{block}.parquet"),
        grid=results("ensemble/fewer/grids/{block}.parquet"),
        stacked=results("ensemble/fewer/stacked/{block}.parquet"),
    log:
        logs("stack_fewer_members/{block}.log"),
    benchmark:
        benchmarks("stack_fewer_members/{block}.tsv")


use rule search_thresholds as search_threshold_of_fewer with:
    input:
        stacked=results("ensemble/fewer/stacked/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        thresholds=results("ensemble/fewer/thresholds/{block}.parquet"),
    log:
        logs("search_threshold_of_fewer/{block}.log"),
    benchmark:
        benchmarks("search_threshold_of_fewer/{block}.tsv")


use rule search_precision_thresholds as search_certainty_of_fewer with:
    input:
        stacked=results("ensemble/fewer/stacked/{block}.parquet"),
        manifest=results("photos/train/manifest.parquet"),
    output:
        certain=results("ensemble/fewer/precision_thresholds/{block}.parquet"),
    log:
        logs("search_certainty_of_fewer/{block}.log"),
    benchmark:
        benchmarks("search_certainty_of_fewer/{block}.tsv")
