"""Params of rules that run programs: the command line, and the digest of the code."""

import shlex

from commands import SCRIPTS, by_attempt, program


def test_the_command_line_has_named_inputs_outputs_and_options():
    options = {"run": "{run}", "threads": "{threads}", "gpus": "{resources.gpu}", "photos": lambda _: ["x y", "z"]}
    params = program("train/train_cnn", lambda wildcards: "{}", digest="1", **options)
    inputs, outputs = {"scores": ["x", "y"], "start": []}, {"history_file": "z"}
    words = params["arguments"]({"run": "one"}, inputs, outputs, 4, type("Resources", (), {"gpu": 2}))
    assert shlex.split(words) == [
        *("--settings", "-", "--scores", "x", "y", "--start", "--history-file", "z"),
        *("--run", "one", "--threads", "4", "--gpus", "2", "--photos", "x y", "z"),
    ]
    assert (params["program"], params["code"]) == ("train/train_cnn", "1")


def test_a_program_without_settings_gets_none_and_its_own_code_counts():
    check, write = program("estimate/check_leakage"), program("ensemble/write_decisions")
    assert "--settings" not in check["arguments"]({}, {}, {}, 1, None)
    assert (SCRIPTS / "estimate" / "check_leakage.py").exists()
    assert check["code"] != write["code"]


def test_a_further_attempt_gets_as_much_more():
    assert [by_attempt(4000)(None, attempt) for attempt in (1, 2, 3)] == [4000, 8000, 12000]
