"""Does Binder install the course? repo2docker prints the Dockerfile it would build; no Docker is needed."""

import re
import shutil
import subprocess
import sys

import pytest
import yaml

CONFIGURATION = ("environment.yml", "pins.txt", "pyproject.toml")


@pytest.fixture(scope="module")
def dockerfile(course, tmp_path_factory) -> str:
    """What repo2docker makes of the course's configuration, seen apart from everything else in the checkout."""
    folder = tmp_path_factory.mktemp("binder")
    for name in CONFIGURATION:
        shutil.copy(course / name, folder)
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug"]
    command += ["--user-id", "1000", "--user-name", "jovyan", str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


def test_no_file_of_higher_rank_hides_environment_yml(course):
    """repo2docker reads a binder folder or a Dockerfile instead of environment.yml where there is one."""
    assert not [name for name in ("binder", ".binder", "Dockerfile") if (course / name).exists()]


def test_binder_builds_the_python_of_environment_yml(course, dockerfile):
    python = yaml.safe_load((course / "environment.yml").read_text(encoding="utf-8"))["dependencies"][0]
    assert f"Building conda environment for {python}\n" in dockerfile.replace("==", "=")


def test_binder_installs_after_the_repository_is_copied(dockerfile):
    """The pins and the package are read from the copy: installed before it, they would not be there."""
    copy = re.search(r"^COPY .*\bsrc/ \$\{REPO_DIR\}/", dockerfile, re.MULTILINE)
    install = re.search(r"env update .*--file \"environment\.yml\"", dockerfile)
    assert copy and install and copy.start() < install.start()
