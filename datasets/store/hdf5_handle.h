// HDF5 handles and the one check that every HDF5 call goes through. Included by .cpp files alone.
#pragma once

#include <mutex>
#include <string>
#include <utility>

#include <hdf5.h>

namespace cohort::datasets {

/// Held around every group of HDF5 calls: the library is thread-safe only in some builds, and its error stack is switched off by
/// the first caller.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// Passes a call's result on; a negative one throws Error (failed) with HDF5's own reason and, where the system gave an errno, its
/// remedy. `doing` reads "writing shard.h5".
template <class Result>
Result check_hdf5(Result result, const std::string& doing);

/// Throws the error of the failed call just made.
[[noreturn]] void throw_hdf5_error(const std::string& doing);

template <class Result>
Result check_hdf5(Result result, const std::string& doing) {
  if (result < 0) throw_hdf5_error(doing);
  return result;
}

/// Owns one id; closes it at the end, when nobody is left to hear of a failure. close() reports it.
class Hdf5Handle {
 public:
  using Close = herr_t (*)(hid_t);
  Hdf5Handle() = default;
  Hdf5Handle(hid_t id, Close close) : id_(id), close_(close) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Hdf5Handle& operator=(Hdf5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
    return *this;
  }
  ~Hdf5Handle();

  hid_t id() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  void close(const std::string& doing);

 private:
  hid_t id_ = -1;
  Close close_ = nullptr;
};

/// A file being written. Destroyed before close(), or after a failed check(), it is abandoned: what HDF5 still holds of it goes to memory
/// that is let go. HDF5 1.10 crashes at the end of the process when it can't write that to a full disk.
class Hdf5OutputFile {
 public:
  Hdf5OutputFile() = default;
  /// Of H5Fcreate or H5Fopen, checked here. `doing` reads "writing shard.h5".
  Hdf5OutputFile(hid_t id, std::string doing) : doing_(std::move(doing)) { file_ = Hdf5Handle(check(id), H5Fclose); }
  Hdf5OutputFile(Hdf5OutputFile&&) noexcept = default;
  Hdf5OutputFile& operator=(Hdf5OutputFile&&) noexcept = default;
  ~Hdf5OutputFile() { abandon(); }

  hid_t id() const { return file_.id(); }
  const std::string& doing() const { return doing_; }
  /// Like check_hdf5, and abandons the file before it throws.
  template <class Result>
  Result check(Result result) {
    if (result < 0) fail();
    return result;
  }
  /// From here on nothing reaches the disk; to be called before handles into the file are closed.
  void abandon() noexcept;
  /// Writes everything that is still held.
  void flush();
  /// flush(), then ends.
  void close();

 private:
  [[noreturn]] void fail();
  Hdf5Handle file_;
  std::string doing_;
};

}  // namespace cohort::datasets
