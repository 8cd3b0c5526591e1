// The table of messages against numbers and layouts of the manual pages, and what becomes of messages that
// are cut, or that say they hold more than they do.
#include "host/9p/messages.h"
#include "tests/unit/host/9p/client.h"

using namespace ringside;
using namespace ringside::ninep_test;

TEST_CASE("each message has its number in its dialect", "[9p]") {
  struct Known {
    uint8_t type;
    const char* name;
    bool base, dotl;
  };
  const Known known[] = {
      {7, "Rlerror", false, true},    {8, "Tstatfs", false, true},     {12, "Tlopen", false, true},
      {14, "Tlcreate", false, true},  {16, "Tsymlink", false, true},   {18, "Tmknod", false, true},
      {20, "Trename", false, true},   {22, "Treadlink", false, true},  {24, "Tgetattr", false, true},
      {26, "Tsetattr", false, true},  {30, "Txattrwalk", false, true}, {32, "Txattrcreate", false, true},
      {40, "Treaddir", false, true},  {50, "Tfsync", false, true},     {52, "Tlock", false, true},
      {54, "Tgetlock", false, true},  {70, "Tlink", false, true},      {72, "Tmkdir", false, true},
      {74, "Trenameat", false, true}, {76, "Tunlinkat", false, true},  {100, "Tversion", true, true},
      {102, "Tauth", true, true},     {104, "Tattach", true, true},    {107, "Rerror", true, false},
      {108, "Tflush", true, true},    {110, "Twalk", true, true},      {112, "Topen", true, false},
      {114, "Tcreate", true, false},  {116, "Tread", true, true},      {118, "Twrite", true, true},
      {120, "Tclunk", true, true},    {122, "Tremove", true, true},    {124, "Tstat", true, false},
      {126, "Twstat", true, false},   {127, "Rwstat", true, false},    {77, "Runlinkat", false, true}};
  for (const Known& row : known) {
    const NinePMessageType* type = ninep_message_type(row.type);
    REQUIRE(type != nullptr);
    CHECK(type->name == row.name);
    CHECK(type->in_base == row.base);
    CHECK(type->in_dotl == row.dotl);
  }
  int types = 0;
  for (int number = 0; number < 256; ++number)
    types += ninep_message_type(static_cast<uint8_t>(number)) != nullptr;
  CHECK(types == 68);
  CHECK(ninep_message_type(28) == nullptr);
  CHECK(ninep_message_type(128) == nullptr);
}

TEST_CASE("a message is shown by its fields", "[9p]") {
  const auto line = [](const Message& message, NinePDialect dialect = NinePDialect::dotl) {
    const NinePDecoded decoded = decode_message(message.tagged(5), dialect);
    CHECK(decoded.tag == 5);
    CHECK(decoded.problem == "");
    return std::string(decoded.name) + " " + to_line(decoded.fields);
  };
  CHECK(line(Message(Tversion).u32(8192).text("9P2000.L")) == "Tversion msize=8192 version=\"9P2000.L\"");
  CHECK(line(Message(Tattach).u32(0).u32(kNofid).text("me").text("").u32(1000)) ==
        "Tattach fid=0 afid=-1 uname=\"me\" aname=\"\" n_uname=1000");
  CHECK(line(Message(Tattach).u32(0).u32(kNofid).text("me").text(""), NinePDialect::base) ==
        "Tattach fid=0 afid=-1 uname=\"me\" aname=\"\"");
  CHECK(line(Message(Twalk).u32(1).u32(2).u16(2).text("usr").text("a\"b")) ==
        "Twalk fid=1 newfid=2 wname=[\"usr\" \"a\\x22b\"]");
  CHECK(line(Message(Twalk + 1).u16(1).u8(0x80).u32(3).u64(0x2c1fac)) == "Rwalk wqid=[(2c1fac 3 'd')]");
  CHECK(line(Message(Tlcreate).u32(2).text("foo").u32(0x8241).u32(0100644).u32(500)) ==
        "Tlcreate fid=2 name=\"foo\" flags=wronly|creat|trunc|largefile mode=0100644 gid=500");
  CHECK(line(Message(Rlerror).u32(2)) == "Rlerror ecode=ENOENT");
  CHECK(line(Message(Tread + 1).u32(3).raw({1, 2, 255})) == "Rread data=3 bytes: 0102ff");
  CHECK(line(Message(Treaddir + 1).u32(24 + 3).raw(Bytes(13)).u64(3).u8(8).text("abc")) ==
        "Rreaddir entries=[{qid=(0 0 '') offset=3 type=8 name=\"abc\"}]");
  CHECK(line(Message(Tlock).u32(1).u8(1).u32(1).u64(0).u64(10).u32(77).text("host")) ==
        "Tlock fid=1 type=write flags=block start=0 length=10 proc_id=77 client_id=\"host\"");
}

TEST_CASE("a message cut anywhere gives the fields that are whole", "[9p]") {
  const Bytes whole = Message(Tsymlink).u32(1).text("name").text("target").u32(9).tagged(3);
  for (size_t size = 0; size < whole.size(); ++size) {
    // Copied, so that a read behind the end is one behind the allocation.
    const Bytes cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    const NinePDecoded decoded = decode_message(cut);
    CHECK(decoded.problem != "");
    CHECK(decoded.fields.size() == (size < 11 ? 0 : size < 17 ? 1 : size < 25 ? 2 : 3));
    CHECK(ninep_message_problem(cut, NinePDialect::dotl).has_value());
  }
  CHECK_FALSE(ninep_message_problem(whole, NinePDialect::dotl).has_value());
}

TEST_CASE("counts that promise more than there is are problems, not reads", "[9p]") {
  const auto problem = [](const Message& message) {
    return ninep_message_problem(message.tagged(1), NinePDialect::dotl).value_or("none");
  };
  CHECK(problem(Message(Twrite).u32(1).u64(0).u32(0xffffffff).raw({1})) == "Twrite, data: is cut short");
  CHECK(problem(Message(Twalk).u32(1).u32(2).u16(2).text("a")) == "Twalk, wname: is cut short");
  CHECK(problem(Message(Twalk).u32(1).u32(2).u16(1).u16(0xffff)) == "Twalk, wname: is cut short");
  Message seventeen(Twalk);
  seventeen.u32(1).u32(2).u16(17);
  for (int i = 0; i < 17; ++i) seventeen.text("x");
  CHECK(problem(seventeen) == "Twalk, wname: are more than 16");
  CHECK(problem(Message(Tmkdir).u32(1).text(std::string("a\0b", 3)).u32(0).u32(0)) ==
        "Tmkdir, name: holds a NUL");
  CHECK(problem(Message(Tclunk).u32(1).u8(0)) == "Tclunk: bytes follow the last field");
  CHECK(problem(Message(200)) == "type 200");
}

TEST_CASE("a version is what stands before its period, and no newer than what we speak", "[9p]") {
  CHECK(ninep_dialect("9P2000.L") == NinePDialect::dotl);
  for (const char* base : {"9P2000", "9P2000.u", "9P2000.", "9P2000.L.x", "9P2001", "9P3000.fast"}) {
    CHECK(ninep_dialect(base) == NinePDialect::base);
  }
  for (const char* unknown :
       {"", "9P", "9P1999", "9p2000", "9P20x0", "8P2000", "9P.L", "unknown", "9P-2000"}) {
    CHECK_FALSE(ninep_dialect(unknown).has_value());
  }
}
