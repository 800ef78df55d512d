"""A simulated bank in the place of photos and networks. Needs the configuration alone; gives manifests with true labels,
and each member's predictions, which join the ensemble as those of external members do."""


rule simulate_photos:
    """Draw label sets for photos that are not there."""
    input:
        # Read by the program itself; named here so that its content counts.
        label_sets="workflow_scripts/stylevote/photos/jd2018_label_sets.csv",
    output:
        train=results("photos/train/manifest.parquet"),
        test=results("photos/test/manifest.parquet"),
        shared=results("photos/shared_photos.parquet"),
    log:
        logs("simulate_photos.log"),
    benchmark:
        benchmarks("simulate_photos.tsv")
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(1000),
        runtime=by_attempt(10),
    params:
        spec=simulation_spec("label_sets", "photos", "test", "least", "seed"),
        code=code("simulate_photos"),
    shell:
        "python workflow_scripts/simulate_photos.py --spec - <<< {params.spec:q} --train {output.train:q}"
        " --test {output.test:q} --shared {output.shared:q} > {log:q} 2>&1"


rule simulate_member:
    """Draw the scores of one member's CNNs."""
    input:
        train=results("photos/train/manifest.parquet"),
        test=results("photos/test/manifest.parquet"),
        folds=results("photos/train/folds.parquet"),
    output:
        validation=every_fold("simulated/member{number}/fold{fold}/validation.parquet"),
        test=every_fold("simulated/member{number}/fold{fold}/test.parquet"),
    log:
        logs("simulate_member/{number}.log"),
    benchmark:
        benchmarks("simulate_member/{number}.tsv")
    wildcard_constraints:
        number=one_of(f"{number:03d}" for number in range(SETTINGS.config["simulation"]["members"])),
    conda:
        "../envs/environment.yaml"
    threads: 1
    resources:
        mem_mb=by_attempt(2000),
        runtime=by_attempt(30),
    params:
        spec=simulation_spec("epochs", "families", "twins", "skill", "skills", "seed"),
        code=code("simulate_member"),
    shell:
        "python workflow_scripts/simulate_member.py --train {input.train:q} --test {input.test:q}"
        " --fold-table {input.folds:q} --spec - <<< {params.spec:q} --validation {output.validation:q}"
        " --tests {output.test:q} > {log:q} 2>&1"
