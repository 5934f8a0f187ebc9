"""Do pyproject.toml, the pins, environment.yml and CITATION.cff say the same?"""

import importlib.metadata
import json
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import vram

FILES = ("pins.txt", "pins-browser.txt", "pins-classroom.txt", "pins-nbgrader.txt", "pins-verify.txt")
PYTHONS = ("3.11.0", "3.11.14", "3.12.0", "3.13.0")
SYSTEMS = (
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"},
    {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix"},
    {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt"},
)


@pytest.fixture(scope="module")
def pyproject(course: Path) -> dict:
    return tomllib.loads((course / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def project(pyproject) -> dict:
    return pyproject["project"]


@pytest.fixture(scope="module")
def ranges(pyproject) -> dict[str, list[Requirement]]:
    """The requirements by the file that pins them."""
    groups = pyproject["dependency-groups"]
    return {
        "pins.txt": list(map(Requirement, [*pyproject["project"]["dependencies"], *groups["test"]])),
        "pins-browser.txt": list(map(Requirement, groups["browser"])),
        "pins-classroom.txt": list(map(Requirement, [*pyproject["project"]["dependencies"], *groups["classroom"]])),
        "pins-nbgrader.txt": list(map(Requirement, [*pyproject["project"]["dependencies"], *groups["nbgrader"]])),
        "pins-verify.txt": list(map(Requirement, groups["verify"])),
    }


def pins(file: Path) -> list[Requirement]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def pinned(requirements: list[Requirement], environment: dict[str, str]) -> dict[str, str]:
    """The version of each package that pip would install in this environment."""
    versions: dict[str, str] = {}
    for pin in requirements:
        if pin.marker is None or pin.marker.evaluate(environment):
            name = canonicalize_name(pin.name)
            assert name not in versions, f"{name} is pinned twice for one environment"
            versions[name] = next(iter(pin.specifier)).version
    return versions


def environments():
    for python in PYTHONS:
        for system in SYSTEMS:
            short = ".".join(python.split(".")[:2])
            yield default_environment() | system | {"python_version": short, "python_full_version": python}


@pytest.mark.parametrize("name", FILES)
def test_pins_are_exact_versions_and_name_no_host(course, name):
    text = (course / name).read_text(encoding="utf-8")
    assert "://" not in text and "--" not in text
    for pin in pins(course / name):
        assert re.fullmatch(r"==[\w.+!]+", str(pin.specifier)), f"{pin} is no exact version"


@pytest.mark.parametrize("name", FILES)
def test_pins_lie_in_the_ranges_of_pyproject_on_every_python_and_system(course, ranges, name):
    for environment in environments():
        versions = pinned(pins(course / name), environment)
        for requirement in ranges[name]:
            assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement


@pytest.mark.parametrize("name", FILES[1:])
def test_the_pins_of_a_group_agree_with_those_of_the_course(course, name):
    for environment in environments():
        shared, group = (pinned(pins(course / file), environment) for file in ("pins.txt", name))
        assert {name: shared[name] for name in group if name in shared}.items() <= group.items()


def test_what_only_a_build_of_torch_for_cuda_needs_is_left_to_torch(course):
    names = [pin.name for pin in pins(course / "pins-verify.txt")]
    assert "torch" in names and not [name for name in names if name.startswith(("cuda", "nvidia", "triton"))]


def test_the_fixtures_were_measured_with_the_libraries_that_verify_them(course, ranges):
    versions = {r.name: next(iter(r.specifier)).version for r in ranges["pins-verify.txt"]}
    measured = json.loads((course / "tests/fixtures/catalogue.json").read_text(encoding="utf-8"))["versions"]
    assert {name: version.partition("+")[0] for name, version in measured.items()}.items() <= versions.items()


def test_pins_are_complete(course, ranges):
    """Whatever a pinned package asks for in this environment is pinned too, down to the last one."""
    environment = default_environment()
    versions = pinned(pins(course / "pins.txt"), environment)
    asked = [*ranges["pins.txt"]]
    seen: set[tuple[str, str]] = set()
    while asked:
        requirement = asked.pop()
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{name} is asked for and not pinned"
        for extra in {"", *requirement.extras}:
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            for line in importlib.metadata.requires(name) or []:
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate(environment | {"extra": extra}):
                    asked.append(needed)
    assert {name for name, _ in seen} == versions.keys(), "a pin that nothing asks for"


def test_the_pins_are_what_is_installed(course):
    for name, version in pinned(pins(course / "pins.txt"), default_environment()).items():
        assert importlib.metadata.version(name) == version, f"{name}: run make test"


def test_every_dependency_says_what_it_is_for(course, pyproject):
    lines = (course / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    groups = [pyproject["project"]["dependencies"], *pyproject["dependency-groups"].values()]
    for requirement in (requirement for group in groups for requirement in group):
        (line,) = {line for line in lines if line.lstrip().startswith(f'"{requirement}"')}
        assert re.search(r"# \w+ \S+", line), line


def test_conda_takes_python_and_pip_and_leaves_the_rest_to_the_pins(course, project):
    environment = yaml.safe_load((course / "environment.yml").read_text(encoding="utf-8"))
    python, pip, rest = environment["dependencies"]
    name, _, version = python.partition("=")
    assert name == "python" and SpecifierSet(project["requires-python"]).contains(f"{version}.0")
    assert pip == "pip" and rest == {"pip": ["-r pins.txt", "-e ."]}
    assert environment["name"] == project["name"]


def test_the_pins_hold_for_every_python_that_pyproject_allows(project):
    oldest = SpecifierSet(project["requires-python"])
    assert all(oldest.contains(python) for python in PYTHONS)
    assert not oldest.contains("3.10.99")
    assert oldest.contains(".".join(map(str, sys.version_info[:3])))


def test_the_citation_names_version_and_address_of_the_project(course, project):
    citation = yaml.safe_load((course / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == vram.__version__ == importlib.metadata.version(project["name"])
    assert citation["repository-code"] == project["urls"]["Repository"]
    assert citation["license"] == project["license"].split(" AND ")
