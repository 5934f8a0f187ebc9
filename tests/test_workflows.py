"""Do the workflows for a public host call what exists, with no more rights and no more time than they need?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet

COURSE = Path(__file__).parent.parent
WORKFLOWS = sorted((COURSE / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):.*##", (COURSE / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
CALLS = re.compile(r"\bmake ([a-z]+(?: [a-z]+)*)")


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    return yaml.safe_load(request.param.read_text(encoding="utf-8"))


def steps(workflow: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every step, with its job."""
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            yield job, step


def test_the_workflows_are_there() -> None:
    assert [path.stem for path in WORKFLOWS] == ["scheduled", "site", "test"]


def test_every_command_exists(workflow: dict[str, Any]) -> None:
    for job, step in steps(workflow):
        command = step.get("run", "")
        for end in job.get("strategy", {}).get("matrix", {}).get("end", [""]):
            called = CALLS.findall(command.replace('"$END"', end))
            assert bool(called) == command.startswith("make "), command
            assert {target for each in called for target in each.split()} <= TARGETS, command
        for script in re.findall(r"\bbash (\S+)", command):
            assert (COURSE / script).is_file(), command


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "slides/README.md", "slides/TEACHING.md", ".ci/run"])
def test_every_target_that_a_text_names_exists(name: str) -> None:
    text = (COURSE / name).read_text(encoding="utf-8")
    commands = re.findall(r"`make ([a-z]+)|^(?:timeout \d+ )?make ([a-z]+)", text, re.MULTILINE)
    named = {quoted or line for quoted, line in commands}
    assert named and named <= TARGETS


def test_a_workflow_has_no_more_rights_than_it_needs(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    more = [job["permissions"] for job in workflow["jobs"].values() if "permissions" in job]
    assert more in ([], [{"pages": "write", "id-token": "write"}])
    assert "secrets" not in str(workflow) and "pull_request_target" not in str(workflow)
    for _, step in steps(workflow):
        assert "actions/checkout" not in step.get("uses", "") or step["with"] == {"persist-credentials": False}


def test_a_workflow_ends_and_does_not_run_twice_at_once(workflow: dict[str, Any]) -> None:
    assert "group" in workflow["concurrency"]
    assert all(0 < job["timeout-minutes"] <= 90 for job in workflow["jobs"].values())


def test_actions_are_those_of_the_host_in_a_major_version(workflow: dict[str, Any]) -> None:
    used = [step["uses"] for _, step in steps(workflow) if "uses" in step]
    assert used and all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used), used


def test_a_shell_command_holds_no_value_from_outside(workflow: dict[str, Any]) -> None:
    """What stands in ${{ }} is pasted into the command; a variable of the environment is not."""
    assert [step["run"] for _, step in steps(workflow) if "${{" in step.get("run", "")] == []


def test_every_python_that_is_tried_is_allowed() -> None:
    jobs = yaml.safe_load((COURSE / ".github/workflows/scheduled.yml").read_text(encoding="utf-8"))["jobs"]
    allowed = re.search(r'requires-python = "(.*)"', (COURSE / "pyproject.toml").read_text(encoding="utf-8"))
    tried = jobs["pythons"]["strategy"]["matrix"]["python"]
    assert tried[0] == "3.11" and all(f"{python}.0" in SpecifierSet(allowed[1]) for python in tried)
