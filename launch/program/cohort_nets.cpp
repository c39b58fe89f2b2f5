// All commands: what `cohort` becomes for those that need nets.
#include "launch/main.h"

int main(int argc, char** argv) { return cohort::main(argc, argv); }
