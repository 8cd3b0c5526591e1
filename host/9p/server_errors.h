// What is wrong with a request itself rather than with a file: texts that Plan 9's servers use and that Linux
// knows (net/9p/error.c), with the numbers that it takes them for.
#pragma once

#include <cerrno>

#include "host/9p/server.h"

namespace ringside {

inline const NinePError kUnknownFid = {EBADF, "fid unknown or out of range"};
inline const NinePError kFidInUse = {EBADF, "fid already in use"};
inline const NinePError kBadUseOfFid = {EBADF, "bad use of fid"};
inline const NinePError kFileOpen = {EBADF, "file already open for I/O"};
inline const NinePError kProtocolBotch = {EPROTO, "protocol botch"};
inline const NinePError kIllegalMode = {EINVAL, "illegal mode"};

}  // namespace ringside
