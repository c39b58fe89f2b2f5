#include "datasets/store/hdf5_handle.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "core/error.h"

namespace cohort::datasets {
namespace {

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

// The innermost entry of the error stack says what went wrong; the outer ones repeat it call by call.
herr_t take_first(unsigned position, const H5E_error2_t* entry, void* text) {
  if (position == 0 && entry->desc != nullptr) *static_cast<std::string*>(text) = entry->desc;
  return 0;
}

int errno_in(const std::string& text) {
  const std::string key = "errno = ";
  const std::size_t at = text.find(key);
  return at == std::string::npos ? 0 : std::atoi(text.c_str() + at + key.size());
}

}  // namespace

Hdf5Lock::Hdf5Lock() : lock_(library_mutex()) {
  // HDF5 prints its stack from whichever thread failed unless that thread switched it off.
  thread_local const bool silent = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  (void)silent;
}

void throw_hdf5_error(const std::string& doing) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_first, &reason);
  H5Eclear2(H5E_DEFAULT);
  if (const int number = errno_in(reason); number != 0) throw core::system_error(doing, number);
  throw core::failed_error(doing + ": HDF5: " + (reason.empty() ? "unknown error" : reason));
}

Hdf5Handle::~Hdf5Handle() {
  if (id_ < 0) return;
  Hdf5Lock lock;
  if (close_(id_) < 0) H5Eclear2(H5E_DEFAULT);
}

void Hdf5Handle::close(const std::string& doing) {
  if (id_ < 0) return;
  Hdf5Lock lock;
  check_hdf5(close_(std::exchange(id_, -1)), doing);
}

void Hdf5OutputFile::abandon() noexcept {
  if (!file_) return;
  Hdf5Lock lock;
  void* descriptor = nullptr;
  if (H5Fget_vfd_handle(file_.id(), H5P_DEFAULT, &descriptor) < 0 || descriptor == nullptr) return;
  const int memory = ::memfd_create("abandoned", MFD_CLOEXEC);
  if (memory < 0) return;
  ::dup2(memory, *static_cast<int*>(descriptor));
  ::close(memory);
}

void Hdf5OutputFile::flush() {
  Hdf5Lock lock;
  check(H5Fflush(file_.id(), H5F_SCOPE_LOCAL));
}

void Hdf5OutputFile::close() {
  flush();
  file_.close(doing_);
}

void Hdf5OutputFile::fail() {
  try {
    throw_hdf5_error(doing_);
  } catch (...) {
    abandon();
    throw;
  }
}

}  // namespace cohort::datasets
