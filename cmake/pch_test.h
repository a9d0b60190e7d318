// Precompiled for the tests.
#pragma once

#include "pch.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
