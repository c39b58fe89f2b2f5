# shellcheck shell=bash
# The CUDA build of ./launch/test, which sources this after setup.sh. No GPU is needed to compile and link it.
#
#   COHORT_CUDA_TORCH     an environment or folder that holds a CUDA build of libtorch; used instead of the private one
#   COHORT_CUDA_BUILD     build folder; `build-cuda` in the repository

set -euo pipefail

cuda_private_environment() { printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/cohort/cuda-$(hash_of "$root/launch/requirements-cuda.txt")"; }

is_cuda_torch() { # ENVIRONMENT
  local folder
  folder=$(torch_folder "$1") && [ -e "$folder/lib/libtorch_cuda.so" ]
}

# The environment with a CUDA libtorch that is there already, if any.
find_cuda_torch() {
  local place
  if [ -n "${COHORT_CUDA_TORCH:-}" ]; then
    is_cuda_torch "$COHORT_CUDA_TORCH" ||
      fail "COHORT_CUDA_TORCH=$COHORT_CUDA_TORCH holds no CUDA build of libtorch" "name a Python environment with one, or unset it for a private one"
    printf '%s\n' "$COHORT_CUDA_TORCH"
    return
  fi
  place=$(cuda_private_environment)
  if [ -n "${COHORT_TORCH:-}" ] && is_cuda_torch "$COHORT_TORCH"; then
    printf '%s\n' "$COHORT_TORCH"
  elif [ -e "$place/.complete" ]; then
    printf '%s\n' "$place"
  else
    return 1
  fi
}

has_nvcc() { # ENVIRONMENT: as cmake/CohortCuda.cmake looks for it
  local nvcc
  for nvcc in "$1"/lib/python3*/site-packages/nvidia/cu[0-9]*/bin/nvcc /usr/local/cuda/bin/nvcc; do
    [ ! -x "$nvcc" ] || return 0
  done
  command -v nvcc >/dev/null
}

fill_cuda_environment() { # FOLDER PYTHON
  rm -rf "$1"
  "$2" -m venv "$1"
  "$1/bin/python" -m pip install --quiet --no-compile --requirement "$root/launch/requirements-cuda.txt"
  is_cuda_torch "$1" || {
    printf 'pip took a CPU build of libtorch; its settings (PIP_INDEX_URL, pip.conf) have to lead it to an index that has the CUDA build\n'
    return 1
  }
  # Linkers want libraries' names without versions, and libtorch's configuration a lib64; the packages bring neither.
  local toolkit library name
  for toolkit in "$1"/lib/python3*/site-packages/nvidia/cu[0-9]*; do
    [ -e "$toolkit/lib64" ] || ln -s lib "$toolkit/lib64"
    for library in "$toolkit"/lib/lib*.so.*; do
      name=${library##*/}
      [ -e "$toolkit/lib/${name%%.so.*}.so" ] || ln -s "$name" "$toolkit/lib/${name%%.so.*}.so"
    done
  done
  touch "$1/.complete"
}

# Sets COHORT_CUDA_TORCH; makes the private environment where none is named.
prepare_cuda_environment() {
  local place python
  install_packages test
  if place=$(find_cuda_torch); then
    COHORT_CUDA_TORCH=$place
    return
  fi
  COHORT_CUDA_TORCH=$(cuda_private_environment)
  mkdir -p "${COHORT_CUDA_TORCH%/*}"
  exec 9>"$COHORT_CUDA_TORCH.lock"
  flock 9
  if [ ! -e "$COHORT_CUDA_TORCH/.complete" ]; then
    python=$(find_python) || fail "no Python 3.11 or newer that can make environments was found" "apt-get install python3 python3-venv"
    phase "installing libtorch for CUDA and CUDA's compiler (5 GB) into $COHORT_CUDA_TORCH" fill_cuda_environment "$COHORT_CUDA_TORCH" "$python"
  fi
  exec 9>&-
}

check_cuda_program() {
  local linked library
  "$build/cohort" --version
  linked=$(ldd "$build/cohort-nets")
  printf '%s\n' "$linked"
  for library in libtorch_cuda.so libnccl.so libcudart.so; do
    grep -q "$library.* => /" <<<"$linked" || {
      printf '%s is linked with no %s\n' "$build/cohort-nets" "$library"
      return 1
    }
  done
  if grep 'not found' <<<"$linked"; then return 1; fi
}

# Compiles and links everything against the libtorch in COHORT_CUDA_TORCH, starts the program and runs the tests of what only this build has;
# those that need a GPU skip themselves where they see none.
cuda_build_and_test() { # BUILD_ONLY [CTEST ARGUMENT…]
  local build_only=$1
  shift
  build=${COHORT_CUDA_BUILD:-$root/build-cuda}
  log=$build/setup.log
  mkdir -p "$build"
  : >"$log"
  COHORT_TORCH=$COHORT_CUDA_TORCH
  [ -n "${COHORT_PYTHON:-}" ] || COHORT_PYTHON=$(command -v "$(find_python)")
  configure -DCOHORT_BUILD_TESTS=ON -DCOHORT_CUDA=ON
  build_targets "building the program and the tests with CUDA" all
  phase "starting the program that is linked with CUDA and NCCL" check_cuda_program
  [ "$build_only" = no ] || return 0

  if ! nvidia-smi -L 2>/dev/null | grep -q '^GPU '; then printf 'no GPU is at hand: tests that need one are skipped\n'; fi
  [ $# -gt 0 ] || set -- -R '^(gpu/|ranks/device_|trainer/(batch_stager|device_|row_|staged_|transport_))'
  prepare_mpi
  ctest --test-dir "$build" --output-on-failure --no-tests=error --parallel "$(build_jobs)" "$@"
}
