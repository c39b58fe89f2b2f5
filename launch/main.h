// The program. One's own program registers its models and then calls this.
#pragma once

namespace cohort {

/// Runs `cohort COMMAND …`; returns the exit status.
int main(int argc, char** argv);

}  // namespace cohort
