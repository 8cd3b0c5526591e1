// Xen's error numbers, as its own header names them: XEN_EPERM, XEN_EINVAL, ... A hypercall returns 0 or
// more, or one of these negated. (Names like EPERM alone are the host's macros.)
#pragma once

#include <cstdint>

#include <xen/errno.h>
