// A library for LD_PRELOAD: the process's TCP connections carry no more than so many bytes a second. The kernel's buffer looks full until there is room again, as with a slow network.
//   SLOW_LINK_BYTES=<number>  a second
#include <dlfcn.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <vector>

namespace {

/// What may be sent by now. Filled as time goes by, up to what a fiftieth of a second brings.
class Bucket {
 public:
  explicit Bucket(double rate) : rate_(rate) {}
  bool any() const { return rate_ > 0; }
  /// At most `wanted` bytes; 0: later.
  size_t take(size_t wanted) {
    const std::lock_guard lock(mutex_);
    timespec t{};
    ::clock_gettime(CLOCK_MONOTONIC, &t);
    const double now = static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
    if (last_ > 0) left_ = std::min(left_ + (now - last_) * rate_, std::max(rate_ / 50, 2 * kPacket));
    last_ = now;
    if (left_ < std::min(static_cast<double>(wanted), kPacket)) return 0;
    const auto taken = static_cast<size_t>(std::min(static_cast<double>(wanted), left_));
    left_ -= static_cast<double>(taken);
    return taken;
  }

 private:
  static constexpr double kPacket = 1500;
  double rate_, left_ = 0, last_ = 0;
  std::mutex mutex_;
};

Bucket& bucket() {
  static Bucket one([] {
    const char* bytes = std::getenv("SLOW_LINK_BYTES");
    return bytes != nullptr ? std::atof(bytes) : 0.0;
  }());
  return one;
}

bool over_tcp(int descriptor) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  return ::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &size) == 0 && (address.ss_family == AF_INET || address.ss_family == AF_INET6);
}

template <class F>
F following(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" ssize_t writev(int descriptor, const iovec* parts, int count) {
  static const auto real = following<ssize_t (*)(int, const iovec*, int)>("writev");
  if (!bucket().any() || !over_tcp(descriptor)) return real(descriptor, parts, count);
  size_t wanted = 0;
  for (int i = 0; i < count; ++i) wanted += parts[i].iov_len;
  size_t left = bucket().take(wanted);
  if (left == 0 && wanted > 0) {
    errno = EAGAIN;
    return -1;
  }
  std::vector<iovec> now;
  for (int i = 0; i < count && left > 0; ++i) {
    now.push_back({parts[i].iov_base, std::min(parts[i].iov_len, left)});
    left -= now.back().iov_len;
  }
  return real(descriptor, now.data(), static_cast<int>(now.size()));
}
