# shellcheck shell=bash
# What ./launch/quickstart and ./launch/test share; they source it. It fetches nothing but system packages (apt) and Python
# packages (pip, whose own settings and variables decide where they come from).
#
#   COHORT_TORCH          an environment or folder that holds libtorch; used instead of the private one
#   COHORT_BUILD          build folder; `build` in the repository
#   COHORT_SKIP_PACKAGES  1: system packages are looked after by somebody else

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${COHORT_BUILD:-$root/build}
log=$build/setup.log
mkdir -p "$build"
: >"$log"

fail() { # MESSAGE REMEDY
  printf 'error: %s\n  remedy: %s\n' "$1" "$2" >&2
  exit 2
}

# Runs a command with its output in the log, or on the terminal where there is one and `live` is asked for; prints the time it took.
phase() { # [live] TITLE COMMAND…
  local live=no begin=$SECONDS status title
  if [ "$1" = live ]; then
    shift
    [ ! -t 1 ] || live=yes
  fi
  title=$1
  shift
  printf '%s …\n' "$title"
  # A subshell, so that the command stops at its first failure: within `||` a shell function would go on.
  set +e
  if [ $live = yes ]; then
    (set -e; "$@")
  else
    (set -e; "$@") >>"$log" 2>&1 </dev/null
  fi
  status=$?
  set -e
  if [ $status -ne 0 ]; then
    [ $live = yes ] || tail -n 40 "$log" >&2
    printf 'error: %s failed with status %d after %d s; the whole output is in %s\n' "$title" $status $((SECONDS - begin)) "$log" >&2
    exit 1
  fi
  printf '  %d s: %s\n' $((SECONDS - begin)) "$title"
}

# --- system packages --------------------------------------------------------------------------------------------------

apt_install() { # [sudo] PACKAGE…
  local sudo=()
  if [ "$1" = sudo ]; then
    sudo=(sudo)
    shift
  fi
  local install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
  # A fresh machine has no package lists and an old one stale lists; a good one is spared the update.
  "${install[@]}" || { "${sudo[@]}" apt-get update; "${install[@]}"; }
}

install_packages() { # python|program|test: each with those before it
  local wanted= missing=() package purpose
  [ "${COHORT_SKIP_PACKAGES:-}" != 1 ] || return 0
  while read -r package purpose; do
    case $package in '#'* | '') continue ;; esac
    case $1:$purpose in
      python:python | program:python | program:program | test:*) wanted+=" $package" ;;
    esac
  done <"$root/launch/packages.txt"
  if ! command -v dpkg-query >/dev/null; then
    fail "this system has no dpkg: the packages can't be installed from here" \
      "install what these Debian packages hold, then set COHORT_SKIP_PACKAGES=1:$wanted"
  fi
  for package in $wanted; do
    # shellcheck disable=SC2016  # dpkg-query expands it
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  local title="installing ${#missing[@]} system packages"
  if [ "$(id -u)" -eq 0 ]; then
    phase "$title" apt_install "${missing[@]}"
  elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || { [ -t 0 ] && sudo -v; }; }; then
    phase "$title" apt_install sudo "${missing[@]}"
  else
    fail "system packages are missing, and neither root nor sudo is at hand" \
      "apt-get install -y --no-install-recommends ${missing[*]}"
  fi
}

# --- Python packages --------------------------------------------------------------------------------------------------

# A Python ≥ 3.11 that can make environments: the one on the path, else the system's.
find_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$python"
      return
    fi
  done
  return 1
}

fill_environment() { # FOLDER torch|tools PYTHON
  rm -rf "$1"
  "$3" -m venv "$1"
  local requirements="$root/launch/requirements.txt"
  if [ "$2" = torch ]; then
    # First by itself: everything else has to fit the build of it that the site's settings choose.
    "$1/bin/python" -m pip install --quiet --no-compile "$(grep '^torch==' "$requirements")"
    "$1/bin/python" -m pip install --quiet --no-compile --constraint "$requirements" --requirement "$requirements"
  else
    grep -v '^torch==' "$requirements" >"$1/requirements.txt"
    "$1/bin/python" -m pip install --quiet --no-compile --requirement "$1/requirements.txt"
  fi
  touch "$1/.complete"
}

add_test_packages() { # FOLDER STAMP
  "$1/bin/python" -m pip install --quiet --no-compile --constraint "$root/launch/requirements.txt" --requirement "$root/launch/requirements-test.txt"
  touch "$2"
}

hash_of() { sha256sum "$1" | cut -c1-12; }

# Makes the environment once. Environments don't move, so it is made in place; the stamp written last says that it is whole, and the
# lock keeps two set-ups from making it at once.
private_environment() { # torch|tools program|test
  local cache="${XDG_CACHE_HOME:-$HOME/.cache}/cohort" name=env python stamp
  [ "$1" = torch ] || name=tools
  environment="$cache/$name-$(hash_of "$root/launch/requirements.txt")"
  mkdir -p "$cache"
  exec 9>"$environment.lock"
  flock 9
  if [ ! -e "$environment/.complete" ] || ! "$environment/bin/python" -c '' 2>/dev/null; then
    python=$(find_python) || fail "no Python 3.11 or newer that can make environments was found" "apt-get install python3 python3-venv"
    local title="installing libtorch and ONNX Runtime into $environment"
    [ "$1" = torch ] || title="installing ONNX Runtime into $environment"
    phase "$title" fill_environment "$environment" "$1" "$python"
  fi
  stamp="$environment/.test-$(hash_of "$root/launch/requirements-test.txt")"
  if [ "$2" = test ] && [ ! -e "$stamp" ]; then
    phase "installing the Python packages of the tests" add_test_packages "$environment" "$stamp"
  fi
  exec 9>&-
}

torch_folder() { # ENVIRONMENT: the torch package in it
  local candidate
  for candidate in "$1"/lib/python3*/site-packages/torch "$1" "$1/torch"; do
    [ ! -e "$candidate/share/cmake/Torch/TorchConfig.cmake" ] || { printf '%s\n' "$candidate"; return; }
  done
  return 1
}

# System packages and the private environment, side by side where both are to be made: one waits for the network while the other unpacks.
install() { # program|test
  local beside=
  if [ -z "${COHORT_TORCH:-}" ]; then
    install_packages python
    (private_environment torch program) &
    beside=$!
  fi
  install_packages "$1"
  [ -z "$beside" ] || wait "$beside" || exit 1
  prepare_environment "$1"
}

# Sets COHORT_TORCH and COHORT_PYTHON.
prepare_environment() { # program|test
  local modules=(onnxruntime numpy)
  [ "$1" = program ] || modules+=(h5py onnx pandas pyarrow sklearn scipy)
  if [ -n "${COHORT_TORCH:-}" ]; then
    torch_folder "$COHORT_TORCH" >/dev/null ||
      fail "COHORT_TORCH=$COHORT_TORCH holds no libtorch" "name a Python environment with torch 2.11 to 2.13, or unset it for a private one"
    COHORT_PYTHON=$COHORT_TORCH/bin/python
    if ! "$COHORT_PYTHON" -c "import $(IFS=,; printf '%s' "${modules[*]}")" 2>/dev/null; then
      private_environment tools "$1"
      COHORT_PYTHON=$environment/bin/python
    fi
  else
    private_environment torch "$1"
    COHORT_TORCH=$environment
    COHORT_PYTHON=$environment/bin/python
  fi
  local version
  version=$(torch_folder "$COHORT_TORCH")/version.py
  if grep -qE "^cuda.* = '" "$version" 2>/dev/null && ! command -v nvcc >/dev/null && [ ! -x /usr/local/cuda/bin/nvcc ]; then
    fail "the libtorch in $COHORT_TORCH was built for CUDA, and this machine has no CUDA toolkit to build against" \
      "let pip take the CPU build (PIP_INDEX_URL of an index that has it) and remove $COHORT_TORCH, or install the CUDA toolkit"
  fi
  export COHORT_TORCH COHORT_PYTHON
}

# --- building ---------------------------------------------------------------------------------------------------------

# Compiling against libtorch takes up to 2 GiB a process.
build_jobs() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 2097152)}' /proc/meminfo)
  [ "$memory" -ge 1 ] || memory=1
  printf '%d\n' $((cores < memory ? cores : memory))
}

configure() { # [CMAKE ARGUMENT…]; nothing is done twice
  local arguments=(-S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCOHORT_UNITY=ON "-DCOHORT_TORCH=$COHORT_TORCH"
    "-DCOHORT_TEST_PYTHON=$COHORT_PYTHON" "$@")
  local stamp=$build/.configured
  if [ -e "$build/build.ninja" ] && [ "$(cat "$stamp" 2>/dev/null)" = "${arguments[*]}" ]; then return; fi
  rm -f "$stamp"
  phase "configuring" cmake "${arguments[@]}"
  printf '%s' "${arguments[*]}" >"$stamp"
}

build_targets() { # TITLE TARGET…
  local title=$1
  shift
  phase live "$title" ninja -C "$build" -j "$(build_jobs)" "$@"
}

# --- running ----------------------------------------------------------------------------------------------------------

# mpirun refuses root, and more ranks than cores, unless told that it may; containers often forbid copying between processes.
prepare_mpi() {
  if [ "$(id -u)" -eq 0 ]; then export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1; fi
  export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
  export OMPI_MCA_btl_vader_single_copy_mechanism=${OMPI_MCA_btl_vader_single_copy_mechanism:-none}
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
}
