#!/bin/sh
# venv.sh [PYTHON [FOLDER PINS]]
# Makes .venv, or brings it up to date: the packages of pins.txt, and this checkout as an editable package. Another
# folder gets the packages of other pins alone. The named interpreter is used; without a name (or with an empty one)
# the first of the usual names that is good enough.
set -eu
cd "$(dirname "$0")/.."
folder=${2:-.venv}
pins=${3:-pins.txt}

# Prints what is wrong with an interpreter, or nothing. A name can exist and yet not run (a version
# manager's stand-in), and Debian packs venv separately from Python.
fault() {
    command -v "$1" >/dev/null 2>&1 || { echo "not found"; return; }
    "$1" -c '' >/dev/null 2>&1 || { echo "does not run"; return; }
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { "$1" -c 'import sys; print("is Python %d.%d" % sys.version_info[:2])'; return; }
    "$1" -c 'import ensurepip, venv' >/dev/null 2>&1 ||
        "$1" -c 'import sys; print("lacks venv (on Debian and Ubuntu: apt install python%d.%d-venv)" % sys.version_info[:2])'
}

if [ -n "${1:-}" ]; then set -- "$1"; else set -- python3.13 python3.12 python3.11 python3; fi
if ! "$folder/bin/python" -c 'import pip' 2>/dev/null; then
    tried=
    for python in "$@"; do
        fault=$(fault "$python")
        if [ -z "$fault" ]; then break; fi
        tried="$tried
  $python: $fault"
    done
    if [ -n "$fault" ]; then
        printf 'The course needs Python 3.11 or newer with venv. Tried:%s\n%s\n' "$tried" \
            "Name another one with PYTHON=/path/to/python." >&2
        exit 1
    fi
    echo "Making $folder with $("$python" --version). This takes about a minute, once."
    "$python" -m venv --clear "$folder"
fi

pip() { "$folder/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }
pip install -r "$pins"
if [ "$folder" != .venv ]; then exit; fi
# hatchling is among the pins: the build needs no network and no version of its own choice.
pip install --no-deps --no-build-isolation -e .
# Until 3.13, Python reads the path to lib/ in the locale's encoding, and in the locale C the letters of a folder's name
# end it. From where the file lies, the path is the same on every machine.
for path in "$folder"/lib/python3*/site-packages/_llm_memory_notebooks.pth; do echo ../../../../lib > "$path"; done
