// An error on one rank becomes the same error on all.
#pragma once

#include <functional>
#include <string>

namespace cohort::core {

class Communicator;

/// Collective. Runs `work` on every rank; when any rank threw, all ranks throw the lowest failing rank's error, marked
/// known_everywhere; it names that rank unless all failed.
void together(Communicator& comm, const std::function<void()>& work);

/// Collective. Runs `work` on rank 0; its error is thrown by all, marked known_everywhere.
void on_root(Communicator& comm, const std::function<void()>& work);
/// Collective. The same, and gives its result to all.
std::string text_from_root(Communicator& comm, const std::function<std::string()>& work);

/// Collective. Rank `root`'s text on all ranks.
std::string broadcast_text(Communicator& comm, std::string text, int root = 0);

}  // namespace cohort::core
