// For tests: the virtual network of test_world_nodes.h, whole.
#pragma once

#include "host/test_world_nodes.h"
#include "host/test_world_turns.h"
