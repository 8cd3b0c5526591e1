// What is wrong with a request itself rather than with a file: texts that Plan 9's servers use and that Linux
// knows (net/9p/error.c), with the numbers that it takes them for.
#pragma once

#include <cerrno>

#include "host/9p/server.h"

namespace ringside {

inline constexpr NinePError kUnknownFid = {EBADF, "fid unknown or out of range"};
inline constexpr NinePError kFidInUse = {EBADF, "fid already in use"};
inline constexpr NinePError kBadUseOfFid = {EBADF, "bad use of fid"};
inline constexpr NinePError kFileOpen = {EBADF, "file already open for I/O"};
inline constexpr NinePError kProtocolBotch = {EPROTO, "protocol botch"};
inline constexpr NinePError kIllegalMode = {EINVAL, "illegal mode"};

}  // namespace ringside
