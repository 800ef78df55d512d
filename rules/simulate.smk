"""A simulated bank in the place of photos and networks. Needs the configuration alone; gives manifests with true labels,
and each member's predictions, which join the ensemble as those of external members do."""


def simulation_spec(*keys):
    """The named settings of the simulation, the labels, and the member's number if the rule is of one."""
    settings = {"labels": SETTINGS.labels, **{key: SETTINGS.config["simulation"][key] for key in keys}}

    def of_member(wildcards):
        return canonical({**settings, **{"member": int(number) for number in wildcards}})

    return of_member


rule simulate_photos:
    """Draw label sets for photos that are not there."""
    input:
        # Read by the program itself; here so that its content counts.
        "workflow_scripts/stylevote/demo/jd2018_label_sets.csv",
    output:
        manifest=results("photos/train/manifest.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        shared=results("photos/shared_photos.parquet"),
    log:
        logs("simulate_photos.log"),
    benchmark:
        benchmarks("simulate_photos.tsv")
    conda:
        "../envs/environment.yaml"
    params:
        **program("simulate/simulate_photos", simulation_spec("label_sets", "photos", "test", "min_positives", "seed")),
    shell:
        PROGRAM


rule simulate_member:
    """Draw the scores of one member's CNNs."""
    input:
        manifest=results("photos/train/manifest.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
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
    params:
        **program(
            "simulate/simulate_member",
            simulation_spec("epochs", "families", "twins", "skill", "skills", "seed"),
        ),
    shell:
        PROGRAM
