// Memory that the processes of one machine share.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace cohort::core {

/// One segment in /dev/shm, made by one process and mapped by others of the machine and user. It never has a name: the others open it
/// through /proc/<pid>/fd of its maker, so that the kernel frees it with the last process that maps it, however that ends. Its space is
/// reserved when it is made: a /dev/shm that is too small is an Error then, not a SIGBUS at some later store.
class SharedMemory {
 public:
  /// What another process needs to map the segment.
  struct Handle {
    int64_t pid = 0;
    int64_t descriptor = -1;
    uint64_t bytes = 0;
  };

  SharedMemory() = default;
  /// Local. A segment of `bytes` zeros, page-aligned. `node_bytes` and `free_bytes`, of all ranks of the machine together and of /dev/shm
  /// before any of them reserved its part, are for the message.
  static SharedMemory create(std::size_t bytes, uint64_t node_bytes, uint64_t free_bytes);
  /// Local. Maps another process's segment, which must still hold it open.
  static SharedMemory open(const Handle& handle);
  /// Bytes that /dev/shm has left.
  static uint64_t free_bytes();

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  std::span<std::byte> bytes() const { return {data_, size_}; }
  Handle handle() const;
  /// To be called once all others have mapped it.
  void close_descriptor();

 private:
  void map();

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace cohort::core
