// What the files of this folder know of each other: the runtimes on the host.
#pragma once

#include "machine/hosted/native_calls.h"

// Of the domain that runs.
extern const struct native_calls* native;
extern const struct native_domain* hosted_domain;

void hosted_xen_run(void);
void hosted_pc_run(void);
