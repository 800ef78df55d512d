"""A simulated ensemble that replaces photos and networks. Needs only the configuration; gives manifests with true
labels, and each member's predictions. They join the ensemble like those of external members."""

SIMULATION = SETTINGS.config.simulation


rule simulate_photos:
    """Draw label sets for photos that do not exist."""
    input:
        # The program reads it by itself; it is an input so that its content counts.
        os.path.relpath(SCRIPTS / "stylevote/demo/jd2018_label_sets.csv"),
    output:
        manifest=results("photos/train/manifest.parquet"),
        test_manifest=results("photos/test/manifest.parquet"),
        shared=results("photos/shared_photos.parquet"),
    log:
        logs("simulate_photos.log"),
    params:
        **program(
            "simulate/simulate_photos",
            settings("labels", simulation=SIMULATION.only("label_sets", "photos", "test", "min_positives", "seed")),
        ),
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
        number=one_of(f"{number:03d}" for number in range(SIMULATION.members)),
    params:
        **program(
            "simulate/simulate_member",
            settings(
                "labels",
                member=lambda wildcards: int(wildcards.number),
                simulation=SIMULATION.only("epochs", "families", "twins", "agreement", "skill", "skills", "seed"),
            ),
        ),
    shell:
        PROGRAM
