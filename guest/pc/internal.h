// What the parts of the runtime know of each other.
#pragma once

#include "pc.h"

void console_start(void);
