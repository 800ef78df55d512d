"""Stylevote: photos and labels in, decisions by a large CNN ensemble out."""

from snakemake.utils import min_version

min_version("9.20")


configfile: "config.yaml"


include: "rules/common.smk"
include: "rules/checks.smk"
include: "rules/simulate.smk" if SETTINGS.config.simulation else "rules/photos.smk"
include: "rules/folds.smk"
include: "rules/augment.smk"
include: "rules/train.smk"
include: "rules/probe.smk"
include: "rules/ensemble.smk"
include: "rules/estimate.smk"
include: "rules/bundle.smk"
include: "rules/published.smk"
include: "rules/student.smk"
include: "rules/report.smk"
include: "rules/maintenance.smk"
include: "rules/hooks.smk"


# All programs need the same packages (for `--software-deployment-method conda`).
for each in workflow.rules:
    if each.shellcmd:
        each.conda_env = "../envs/environment.yaml"


rule all:
    input:
        of_test("submission.csv"),
        results("summary.txt"),
        contact_sheet(),
        results("report.html"),
        results("model_card.md"),


rule decide:
    """Make the submission, without report and model card."""
    input:
        of_test("submission.csv"),
        results("summary.txt"),
        contact_sheet(),
