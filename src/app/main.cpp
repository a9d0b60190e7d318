// The program `kith`.
#include "app/cmd.h"

int main(int argc, char** argv) { return kith::app::run_program(argc, argv); }
