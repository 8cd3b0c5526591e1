// The messages of 9P2000.L as calls, with the flags of open(2) restated, and what Rgetattr says.
#pragma once

#include <cerrno>

#include "tests/unit/host/9p/client.h"

namespace ringside::ninep_test {

// open(2) of Linux.
inline constexpr uint32_t kRdonly = 0, kWronly = 1, kRdwr = 2, kCreat = 0100, kExcl = 0200, kTrunc = 01000,
                          kAppend = 02000;
inline constexpr uint32_t kDirectory = 0200000;

inline Answer lcreate(Client& client, uint32_t fid, const std::string& name, uint32_t flags, uint32_t mode,
                      uint32_t gid = 0) {
  return client.ask(Message(Tlcreate).u32(fid).text(name).u32(flags).u32(mode).u32(gid));
}
inline int renameat(Client& client, uint32_t from, const std::string& name, uint32_t to,
                    const std::string& new_name) {
  return client.ask(Message(Trenameat).u32(from).text(name).u32(to).text(new_name)).error();
}
inline int unlinkat(Client& client, uint32_t fid, const std::string& name, uint32_t flags = 0) {
  return client.ask(Message(Tunlinkat).u32(fid).text(name).u32(flags)).error();
}
inline int mkdir(Client& client, uint32_t fid, const std::string& name, uint32_t mode = 0755) {
  return client.ask(Message(Tmkdir).u32(fid).text(name).u32(mode).u32(0)).error();
}

struct Attributes {
  uint64_t valid;
  Qid qid;
  uint32_t mode, uid, gid;
  uint64_t nlink, rdev, size, blksize, blocks, atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec, btime;
};

inline Attributes getattr(Client& client, uint32_t fid, uint64_t mask = 0x3fff) {
  Answer answer = client.ask(Message(Tgetattr).u32(fid).u64(mask));
  REQUIRE(answer.type() == Tgetattr + 1);
  REQUIRE(answer.bytes.size() == 7 + 8 + 13 + 12 + 15 * 8);
  Attributes a = {};
  a.valid = answer.u64();
  a.qid = answer.qid();
  a.mode = answer.u32();
  a.uid = answer.u32();
  a.gid = answer.u32();
  for (uint64_t* field : {&a.nlink, &a.rdev, &a.size, &a.blksize, &a.blocks, &a.atime, &a.atime_nsec,
                          &a.mtime, &a.mtime_nsec, &a.ctime, &a.ctime_nsec, &a.btime}) {
    *field = answer.u64();
  }
  return a;
}

struct Setattr {
  uint32_t valid = 0, mode = 0, uid = 0, gid = 0;
  uint64_t size = 0, atime = 0, atime_nsec = 0, mtime = 0, mtime_nsec = 0;
  int on(Client& client, uint32_t fid) const {
    return client
        .ask(Message(Tsetattr)
                 .u32(fid)
                 .u32(valid)
                 .u32(mode)
                 .u32(uid)
                 .u32(gid)
                 .u64(size)
                 .u64(atime)
                 .u64(atime_nsec)
                 .u64(mtime)
                 .u64(mtime_nsec))
        .error();
  }
};

}  // namespace ringside::ninep_test
