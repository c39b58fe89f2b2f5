#include <optional>

#include <functional>
#include <new>
#include <span>

#include "core/comm/agreement.h"
#include "core/comm/communicator.h"
#include "core/flight/recorder.h"

namespace cohort::core {
namespace {

/// Any exception as an Error of this rank.
Error to_error(Communicator& comm, std::exception_ptr caught) {
  try {
    std::rethrow_exception(caught);
  } catch (const Error& error) {
    return error;
  } catch (const std::bad_alloc&) {
    comm.recorder().note_out_of_memory();
    return failed_error("out of memory", "use fewer lanes or threads a machine, or a smaller train.global_batch");
  } catch (const std::exception& error) {
    return failed_error(error.what());
  }
}

}  // namespace

void together(Communicator& comm, const std::function<void()>& work) {
  std::optional<Error> mine;
  try {
    work();
  } catch (...) {
    mine = to_error(comm, std::current_exception());
  }
  // The common case costs one small reduction; the text travels only when there is one.
  int64_t most[2] = {mine ? comm.size() - comm.rank() : 0, mine ? 0 : 1};
  comm.maximum(most);
  const auto [failing, others_went_well] = most;
  if (failing == 0) return;
  const int culprit = comm.size() - static_cast<int>(failing);
  Error error = Error::deserialize(broadcast_text(comm, mine ? mine->serialize() : std::string(), culprit));
  if (others_went_well == 1) error.on_rank(culprit);
  throw error.known_everywhere();
}

std::string text_from_root(Communicator& comm, const std::function<std::string()>& work) {
  std::string answer;  // first letter: '+' a result, '-' an error
  if (comm.is_root()) {
    try {
      answer = "+" + work();
    } catch (...) {
      answer = "-" + to_error(comm, std::current_exception()).serialize();
    }
  }
  answer = broadcast_text(comm, std::move(answer));
  if (answer.front() == '-') throw Error::deserialize(answer.substr(1)).known_everywhere();
  return answer.substr(1);
}

void on_root(Communicator& comm, const std::function<void()>& work) {
  text_from_root(comm, [&work] {
    work();
    return std::string();
  });
}

std::string broadcast_text(Communicator& comm, std::string text, int root) {
  int64_t size = static_cast<int64_t>(text.size());
  comm.broadcast(std::as_writable_bytes(std::span(&size, 1)), root);
  text.resize(static_cast<std::size_t>(size));
  if (size > 0) comm.broadcast(std::as_writable_bytes(std::span<char>(text.data(), text.size())), root);
  return text;
}

}  // namespace cohort::core
