// Precompiled for all test programs.
#pragma once

#include <catch2/catch.hpp>

#include "cmake/common.h"
