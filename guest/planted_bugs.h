// The bugs of scenarios/blk-buggy and scenarios/net-buggy. Each is a switch of the build, off but where a
// scenario's CMakeLists.txt sets it: the drivers are the good ones, but for the lines that name a switch. The
// READMEs of the two scenarios say what each does and how it shows.
#pragma once

#ifndef BUG_LOST_COMPLETION
#define BUG_LOST_COMPLETION 0
#endif
#ifndef BUG_RING_FULL_MISCOUNTED
#define BUG_RING_FULL_MISCOUNTED 0
#endif
#ifndef BUG_GRANT_LEAK_ON_ERROR
#define BUG_GRANT_LEAK_ON_ERROR 0
#endif
#ifndef BUG_NO_BARRIER
#define BUG_NO_BARRIER 0
#endif
#ifndef BUG_DOUBLE_COMPLETION
#define BUG_DOUBLE_COMPLETION 0
#endif
#ifndef BUG_TIMEOUT_FREES_PAGE
#define BUG_TIMEOUT_FREES_PAGE 0
#endif
#ifndef BUG_ERROR_IGNORED
#define BUG_ERROR_IGNORED 0
#endif
#ifndef BUG_OLD_INDICES
#define BUG_OLD_INDICES 0
#endif
