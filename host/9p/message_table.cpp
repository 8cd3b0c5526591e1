// The table of messages. A row reads as the synopsis of the manual page does: the name, then the fields in
// order.
#include "host/9p/messages.h"

namespace ringside {

namespace {

using enum NinePFieldKind;
using Format = NinePFormat;
using Row = NinePField;

constexpr FieldName kLockTypes[] = {{0, "read"}, {1, "write"}, {2, "unlock"}};
constexpr FieldName kLockFlags[] = {{1, "block"}, {2, "reclaim"}};
constexpr FieldName kLockStatus[] = {{0, "success"}, {1, "blocked"}, {2, "error"}, {3, "grace"}};
constexpr FieldName kUnlinkFlags[] = {{0x200, "removedir"}};
constexpr FieldName kXattrFlags[] = {{1, "create"}, {2, "replace"}};
constexpr FieldName kSetattr[] = {{0x1, "mode"},   {0x2, "uid"},        {0x4, "gid"},
                                  {0x8, "size"},   {0x10, "atime"},     {0x20, "mtime"},
                                  {0x40, "ctime"}, {0x80, "atime_set"}, {0x100, "mtime_set"}};
// The access modes (2 bits) are left as a number.
constexpr FieldName kLinuxOpen[] = {{1, "wronly"},          {2, "rdwr"},           {0100, "creat"},
                                    {0200, "excl"},         {0400, "noctty"},      {01000, "trunc"},
                                    {02000, "append"},      {04000, "nonblock"},   {010000, "dsync"},
                                    {020000, "fasync"},     {040000, "direct"},    {0100000, "largefile"},
                                    {0200000, "directory"}, {0400000, "nofollow"}, {01000000, "noatime"},
                                    {02000000, "cloexec"},  {04000000, "sync"}};

constexpr Row kFid = {"fid", u32, Format::fid};
constexpr Row kNewFid = {"newfid", u32, Format::fid};
constexpr Row kAfid = {"afid", u32, Format::fid};
constexpr Row kDirectoryFid = {"dfid", u32, Format::fid};
constexpr Row kName = {"name", text};
constexpr Row kQid = {"qid", qid};
constexpr Row kIounit = {"iounit", u32};
constexpr Row kOctalMode = {"mode", u32, Format::octal};
constexpr Row kGid = {"gid", u32};
constexpr Row kOffset = {"offset", u64};
constexpr Row kCount = {"count", u32};
constexpr Row kNumericName = {"n_uname", u32, Format::fid, {}, true};
constexpr Row kLockType = {"type", u8, Format::names, kLockTypes};
constexpr Row kStart = {"start", u64};
constexpr Row kLength = {"length", u64};
constexpr Row kProcess = {"proc_id", u32};
constexpr Row kClient = {"client_id", text};

constexpr Row kRlerror[] = {{"ecode", u32, Format::errno_name}};
constexpr Row kTstatfs[] = {kFid};
constexpr Row kRstatfs[] = {{"type", u32, Format::hex},
                            {"bsize", u32},
                            {"blocks", u64},
                            {"bfree", u64},
                            {"bavail", u64},
                            {"files", u64},
                            {"ffree", u64},
                            {"fsid", u64, Format::hex},
                            {"namelen", u32}};
constexpr Row kTlopen[] = {kFid, {"flags", u32, Format::flags, kLinuxOpen}};
constexpr Row kRlopen[] = {kQid, kIounit};
constexpr Row kTlcreate[] = {kFid, kName, {"flags", u32, Format::flags, kLinuxOpen}, kOctalMode, kGid};
constexpr Row kRlcreate[] = {kQid, kIounit};
constexpr Row kTsymlink[] = {kFid, kName, {"symtgt", text}, kGid};
constexpr Row kRsymlink[] = {kQid};
constexpr Row kTmknod[] = {kDirectoryFid, kName, kOctalMode, {"major", u32}, {"minor", u32}, kGid};
constexpr Row kRmknod[] = {kQid};
constexpr Row kTrename[] = {kFid, kDirectoryFid, kName};
constexpr Row kTreadlink[] = {kFid};
constexpr Row kRreadlink[] = {{"target", text}};
constexpr Row kTgetattr[] = {kFid, {"request_mask", u64, Format::hex}};
constexpr Row kRgetattr[] = {{"valid", u64, Format::hex},
                             kQid,
                             kOctalMode,
                             {"uid", u32},
                             kGid,
                             {"nlink", u64},
                             {"rdev", u64, Format::hex},
                             {"size", u64},
                             {"blksize", u64},
                             {"blocks", u64},
                             {"atime_sec", u64},
                             {"atime_nsec", u64},
                             {"mtime_sec", u64},
                             {"mtime_nsec", u64},
                             {"ctime_sec", u64},
                             {"ctime_nsec", u64},
                             {"btime_sec", u64},
                             {"btime_nsec", u64},
                             {"gen", u64},
                             {"data_version", u64}};
constexpr Row kTsetattr[] = {kFid,
                             {"valid", u32, Format::flags, kSetattr},
                             kOctalMode,
                             {"uid", u32},
                             kGid,
                             {"size", u64},
                             {"atime_sec", u64},
                             {"atime_nsec", u64},
                             {"mtime_sec", u64},
                             {"mtime_nsec", u64}};
constexpr Row kTxattrwalk[] = {kFid, kNewFid, kName};
constexpr Row kRxattrwalk[] = {{"size", u64}};
constexpr Row kTxattrcreate[] = {kFid, kName, {"attr_size", u64}, {"flags", u32, Format::flags, kXattrFlags}};
constexpr Row kTreaddir[] = {kFid, kOffset, kCount};
constexpr Row kRreaddir[] = {{"entries", entries}};
constexpr Row kTfsync[] = {kFid, {"datasync", u32}};
constexpr Row kTlock[] = {kFid,     kLockType, {"flags", u32, Format::flags, kLockFlags}, kStart, kLength,
                          kProcess, kClient};
constexpr Row kRlock[] = {{"status", u8, Format::names, kLockStatus}};
constexpr Row kTgetlock[] = {kFid, kLockType, kStart, kLength, kProcess, kClient};
constexpr Row kRgetlock[] = {kLockType, kStart, kLength, kProcess, kClient};
constexpr Row kTlink[] = {kDirectoryFid, kFid, kName};
constexpr Row kTmkdir[] = {kDirectoryFid, kName, kOctalMode, kGid};
constexpr Row kRmkdir[] = {kQid};
constexpr Row kTrenameat[] = {
    {"olddirfid", u32, Format::fid}, {"oldname", text}, {"newdirfid", u32, Format::fid}, {"newname", text}};
constexpr Row kTunlinkat[] = {
    {"dirfd", u32, Format::fid}, kName, {"flags", u32, Format::flags, kUnlinkFlags}};
constexpr Row kTversion[] = {{"msize", u32}, {"version", text}};
constexpr Row kRversion[] = {{"msize", u32}, {"version", text}};
constexpr Row kTauth[] = {kAfid, {"uname", text}, {"aname", text}, kNumericName};
constexpr Row kRauth[] = {{"aqid", qid}};
constexpr Row kTattach[] = {kFid, kAfid, {"uname", text}, {"aname", text}, kNumericName};
constexpr Row kRattach[] = {kQid};
constexpr Row kRerror[] = {{"ename", text}};
constexpr Row kTflush[] = {{"oldtag", u16}};
constexpr Row kTwalk[] = {kFid, kNewFid, {"wname", names}};
constexpr Row kRwalk[] = {{"wqid", qids}};
constexpr Row kTopen[] = {kFid, {"mode", u8, Format::hex}};
constexpr Row kRopen[] = {kQid, kIounit};
constexpr Row kTcreate[] = {kFid, kName, {"perm", u32, Format::octal}, {"mode", u8, Format::hex}};
constexpr Row kRcreate[] = {kQid, kIounit};
constexpr Row kTread[] = {kFid, kOffset, kCount};
constexpr Row kRread[] = {{"data", data}};
constexpr Row kTwrite[] = {kFid, kOffset, {"data", data}};
constexpr Row kRwrite[] = {kCount};
constexpr Row kTclunk[] = {kFid};
constexpr Row kTremove[] = {kFid};
constexpr Row kTstat[] = {kFid};
constexpr Row kRstat[] = {{"stat", stat}};
constexpr Row kTwstat[] = {kFid, {"stat", stat}};

// stat(5).
constexpr Row kStatFields[] = {{"size", u16},
                               {"type", u16, Format::hex},
                               {"dev", u32, Format::hex},
                               kQid,
                               {"mode", u32, Format::octal},
                               {"atime", u32},
                               {"mtime", u32},
                               {"length", u64},
                               kName,
                               {"uid", text},
                               {"gid", text},
                               {"muid", text}};

// The number, the name, the fields, in 9P2000, in 9P2000.L.
constexpr NinePMessageType kTypes[] = {
    {ninep::Tlerror, "Tlerror", {}, false, true},
    {ninep::Rlerror, "Rlerror", kRlerror, false, true},
    {ninep::Tstatfs, "Tstatfs", kTstatfs, false, true},
    {ninep::Rstatfs, "Rstatfs", kRstatfs, false, true},
    {ninep::Tlopen, "Tlopen", kTlopen, false, true},
    {ninep::Rlopen, "Rlopen", kRlopen, false, true},
    {ninep::Tlcreate, "Tlcreate", kTlcreate, false, true},
    {ninep::Rlcreate, "Rlcreate", kRlcreate, false, true},
    {ninep::Tsymlink, "Tsymlink", kTsymlink, false, true},
    {ninep::Rsymlink, "Rsymlink", kRsymlink, false, true},
    {ninep::Tmknod, "Tmknod", kTmknod, false, true},
    {ninep::Rmknod, "Rmknod", kRmknod, false, true},
    {ninep::Trename, "Trename", kTrename, false, true},
    {ninep::Rrename, "Rrename", {}, false, true},
    {ninep::Treadlink, "Treadlink", kTreadlink, false, true},
    {ninep::Rreadlink, "Rreadlink", kRreadlink, false, true},
    {ninep::Tgetattr, "Tgetattr", kTgetattr, false, true},
    {ninep::Rgetattr, "Rgetattr", kRgetattr, false, true},
    {ninep::Tsetattr, "Tsetattr", kTsetattr, false, true},
    {ninep::Rsetattr, "Rsetattr", {}, false, true},
    {ninep::Txattrwalk, "Txattrwalk", kTxattrwalk, false, true},
    {ninep::Rxattrwalk, "Rxattrwalk", kRxattrwalk, false, true},
    {ninep::Txattrcreate, "Txattrcreate", kTxattrcreate, false, true},
    {ninep::Rxattrcreate, "Rxattrcreate", {}, false, true},
    {ninep::Treaddir, "Treaddir", kTreaddir, false, true},
    {ninep::Rreaddir, "Rreaddir", kRreaddir, false, true},
    {ninep::Tfsync, "Tfsync", kTfsync, false, true},
    {ninep::Rfsync, "Rfsync", {}, false, true},
    {ninep::Tlock, "Tlock", kTlock, false, true},
    {ninep::Rlock, "Rlock", kRlock, false, true},
    {ninep::Tgetlock, "Tgetlock", kTgetlock, false, true},
    {ninep::Rgetlock, "Rgetlock", kRgetlock, false, true},
    {ninep::Tlink, "Tlink", kTlink, false, true},
    {ninep::Rlink, "Rlink", {}, false, true},
    {ninep::Tmkdir, "Tmkdir", kTmkdir, false, true},
    {ninep::Rmkdir, "Rmkdir", kRmkdir, false, true},
    {ninep::Trenameat, "Trenameat", kTrenameat, false, true},
    {ninep::Rrenameat, "Rrenameat", {}, false, true},
    {ninep::Tunlinkat, "Tunlinkat", kTunlinkat, false, true},
    {ninep::Runlinkat, "Runlinkat", {}, false, true},
    {ninep::Tversion, "Tversion", kTversion, true, true},
    {ninep::Rversion, "Rversion", kRversion, true, true},
    {ninep::Tauth, "Tauth", kTauth, true, true},
    {ninep::Rauth, "Rauth", kRauth, true, true},
    {ninep::Tattach, "Tattach", kTattach, true, true},
    {ninep::Rattach, "Rattach", kRattach, true, true},
    {ninep::Terror, "Terror", {}, true, false},
    {ninep::Rerror, "Rerror", kRerror, true, false},
    {ninep::Tflush, "Tflush", kTflush, true, true},
    {ninep::Rflush, "Rflush", {}, true, true},
    {ninep::Twalk, "Twalk", kTwalk, true, true},
    {ninep::Rwalk, "Rwalk", kRwalk, true, true},
    {ninep::Topen, "Topen", kTopen, true, false},
    {ninep::Ropen, "Ropen", kRopen, true, false},
    {ninep::Tcreate, "Tcreate", kTcreate, true, false},
    {ninep::Rcreate, "Rcreate", kRcreate, true, false},
    {ninep::Tread, "Tread", kTread, true, true},
    {ninep::Rread, "Rread", kRread, true, true},
    {ninep::Twrite, "Twrite", kTwrite, true, true},
    {ninep::Rwrite, "Rwrite", kRwrite, true, true},
    {ninep::Tclunk, "Tclunk", kTclunk, true, true},
    {ninep::Rclunk, "Rclunk", {}, true, true},
    {ninep::Tremove, "Tremove", kTremove, true, true},
    {ninep::Rremove, "Rremove", {}, true, true},
    {ninep::Tstat, "Tstat", kTstat, true, false},
    {ninep::Rstat, "Rstat", kRstat, true, false},
    {ninep::Twstat, "Twstat", kTwstat, true, false},
    {ninep::Rwstat, "Rwstat", {}, true, false},
};

constexpr auto kByNumber = [] {
  std::array<const NinePMessageType*, 256> rows{};
  for (const NinePMessageType& row : kTypes) rows[row.type] = &row;
  return rows;
}();

}  // namespace

const NinePMessageType* ninep_message_type(uint8_t type) { return kByNumber[type]; }
std::span<const NinePField> ninep_stat_fields() { return kStatFields; }

}  // namespace ringside
