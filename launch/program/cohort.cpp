#include "launch/main.h"

int main(int argc, char** argv) { return cohort::main(argc, argv); }
