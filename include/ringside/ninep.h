// 9P without a processor and without a ring: the test is a client of our server, or the server of a client
// (of the test's, or a driver's own). Messages cross the wires "9p/<share>/T" and "9p/<share>/R", where
// faults and the 9P checker see them. Both dialects: 9P2000 and 9P2000.L.
//
//   NinePBench bench;
//   bench.add_file("/hello.txt", "hello");
//   NinePClient client = bench.client();
//   client.mount();                        // Tversion, Tattach: fid 0 is the root
//   client.walk(0, 1, {"hello.txt"});
//   client.lopen(1, 0);
//   CHECK(client.read(1, 0, 100).data() == "hello");
#pragma once

#include <optional>

#include "ringside/bench.h"

namespace ringside::test {

namespace house {
struct NinePBench;
struct NinePConversation;
}  // namespace house

namespace ninep {
// The numbers of T messages; the answer has the next one.
enum Type : uint8_t {
  Tlerror = 6,
  Tstatfs = 8,
  Tlopen = 12,
  Tlcreate = 14,
  Tsymlink = 16,
  Tmknod = 18,
  Trename = 20,
  Treadlink = 22,
  Tgetattr = 24,
  Tsetattr = 26,
  Txattrwalk = 30,
  Txattrcreate = 32,
  Treaddir = 40,
  Tfsync = 50,
  Tlock = 52,
  Tgetlock = 54,
  Tlink = 70,
  Tmkdir = 72,
  Trenameat = 74,
  Tunlinkat = 76,
  Tversion = 100,
  Tauth = 102,
  Tattach = 104,
  Terror = 106,
  Tflush = 108,
  Twalk = 110,
  Topen = 112,
  Tcreate = 114,
  Tread = 116,
  Twrite = 118,
  Tclunk = 120,
  Tremove = 122,
  Tstat = 124,
  Twstat = 126,
};
inline constexpr uint8_t Rlerror = 7, Rerror = 107;
inline constexpr uint16_t notag = 0xffff;
inline constexpr uint32_t nofid = 0xffffffff;
}  // namespace ninep

struct Qid {
  uint8_t type = 0;
  uint32_t version = 0;
  uint64_t path = 0;
  bool operator==(const Qid&) const = default;
};

// A message that is written field by field; size and tag come when it is sent.
class RINGSIDE_API NinePMessage {
 public:
  explicit NinePMessage(uint8_t type);
  NinePMessage& u8(uint8_t value) { return number(value, 1); }
  NinePMessage& u16(uint16_t value) { return number(value, 2); }
  NinePMessage& u32(uint32_t value) { return number(value, 4); }
  NinePMessage& u64(uint64_t value) { return number(value, 8); }
  NinePMessage& text(std::string_view value);  // length[2] and the text
  NinePMessage& data(std::string_view value);  // count[4] and the bytes
  NinePMessage& raw(std::span<const uint8_t> value);
  NinePMessage& qid(const Qid& value);
  uint8_t type() const { return bytes_[4]; }
  Bytes tagged(uint16_t tag) const;

 private:
  NinePMessage& number(uint64_t value, unsigned size);
  NinePMessage& counted(std::string_view value, unsigned count_size);
  Bytes bytes_;
};

// A message that is read field by field, in their order. Reading behind its end throws ExpectationFailed.
class RINGSIDE_API NinePReader {
 public:
  NinePReader() = default;
  explicit NinePReader(Bytes message) : bytes_(std::move(message)) {}
  const Bytes& bytes() const { return bytes_; }
  uint8_t type() const;
  uint16_t tag() const;
  uint8_t u8() { return static_cast<uint8_t>(number(1)); }
  uint16_t u16() { return static_cast<uint16_t>(number(2)); }
  uint32_t u32() { return static_cast<uint32_t>(number(4)); }
  uint64_t u64() { return number(8); }
  std::string text();
  std::string data();
  Qid qid();
  bool at_end() const { return at_ == bytes_.size(); }
  // As `ringside show` prints it: "Twalk tag=1 fid=0 newfid=1 wname=[hello.txt]".
  std::string line() const;

 protected:
  uint64_t number(unsigned size);
  std::string counted(unsigned count_size);
  Bytes bytes_;
  size_t at_ = 7;
};

// An answer.
class RINGSIDE_API NinePReply : public NinePReader {
 public:
  using NinePReader::NinePReader;
  // The errno of an Rlerror, the text of an Rerror; 0 and "" of any other answer.
  int error() const;
  std::string error_text() const;
  bool failed() const { return type() == ninep::Rlerror || type() == ninep::Rerror; }
};

// Who sends messages and gets answers; each conversation has its own fids and tags.
class RINGSIDE_API NinePClient {
 public:
  // --- Any message, at once; the tag is the test's own ---
  void send(const NinePMessage& message, uint16_t tag);
  void send_bytes(Bytes message);  // whatever they are
  // The next answer that has come; by its tag.
  std::optional<NinePReply> take();
  NinePReply expect(uint16_t tag, Duration within = std::chrono::seconds(1),
                    SourcePlace place = SourcePlace::current());
  void expect_none(Duration duration, SourcePlace place = SourcePlace::current());
  // Sends it, waits for its answer and gives that, an error or not.
  NinePReply ask(const NinePMessage& message, SourcePlace place = SourcePlace::current());
  // Of the calls below and of ask(); 1 to begin with.
  void use_tag(uint16_t tag);

  // --- Both dialects. Each gives the answer, an error or not ---
  NinePReply version(std::string_view dialect = "9P2000.L", uint32_t msize = 65536,
                     SourcePlace place = SourcePlace::current());
  NinePReply attach(uint32_t fid, std::string_view user = "root", uint32_t uid = 0,
                    std::string_view name = "", SourcePlace place = SourcePlace::current());
  NinePReply walk(uint32_t fid, uint32_t new_fid, const std::vector<std::string>& names = {},
                  SourcePlace place = SourcePlace::current());
  NinePReply read(uint32_t fid, uint64_t offset, uint32_t count, SourcePlace place = SourcePlace::current());
  NinePReply write(uint32_t fid, uint64_t offset, std::string_view data,
                   SourcePlace place = SourcePlace::current());
  NinePReply clunk(uint32_t fid, SourcePlace place = SourcePlace::current());
  NinePReply remove(uint32_t fid, SourcePlace place = SourcePlace::current());
  NinePReply flush(uint16_t old_tag, uint16_t tag, SourcePlace place = SourcePlace::current());
  // --- 9P2000 ---
  NinePReply open(uint32_t fid, uint8_t mode, SourcePlace place = SourcePlace::current());
  NinePReply create(uint32_t fid, std::string_view name, uint32_t permissions, uint8_t mode,
                    SourcePlace place = SourcePlace::current());
  NinePReply stat(uint32_t fid, SourcePlace place = SourcePlace::current());
  // --- 9P2000.L ---
  NinePReply lopen(uint32_t fid, uint32_t flags, SourcePlace place = SourcePlace::current());
  NinePReply lcreate(uint32_t fid, std::string_view name, uint32_t flags, uint32_t mode,
                     SourcePlace place = SourcePlace::current());
  NinePReply getattr(uint32_t fid, uint64_t mask = 0x3fff, SourcePlace place = SourcePlace::current());
  NinePReply readdir(uint32_t fid, uint64_t offset, uint32_t count,
                     SourcePlace place = SourcePlace::current());
  NinePReply mkdir(uint32_t fid, std::string_view name, uint32_t mode = 0755,
                   SourcePlace place = SourcePlace::current());
  NinePReply unlinkat(uint32_t fid, std::string_view name, uint32_t flags = 0,
                      SourcePlace place = SourcePlace::current());
  // Tversion and Tattach, fid 0 at the root; anything but success throws.
  void mount(std::string_view dialect = "9P2000.L", SourcePlace place = SourcePlace::current());

  explicit NinePClient(house::NinePConversation& conversation) : conversation_(&conversation) {}

 private:
  house::NinePConversation* conversation_;
  uint16_t tag_ = 1;
  bool dotl_ = true;
};

// A request as the played server got it.
class RINGSIDE_API NinePRequest : public NinePReader {
 public:
  using NinePReader::NinePReader;
};

// The server's side, played by the test.
class RINGSIDE_API NinePServer {
 public:
  std::optional<NinePRequest> take();
  // The next request, which must be of this type.
  NinePRequest expect_request(uint8_t type, Duration within = Duration{0},
                              SourcePlace place = SourcePlace::current());
  void expect_none(Duration duration, SourcePlace place = SourcePlace::current());
  // Answers; in any order, and whatever the answer says.
  void reply(const NinePRequest& request, const NinePMessage& answer);
  void reply_error(const NinePRequest& request, int error);              // Rlerror
  void reply_error(const NinePRequest& request, std::string_view text);  // Rerror
  void reply_bytes(Bytes message);
  // Who answers requests by itself, for clients that wait; without an answer the request waits for take().
  using Handler = std::function<std::optional<NinePMessage>(NinePRequest& request)>;
  void answer_by(Handler handler);

  explicit NinePServer(house::NinePConversation& conversation) : conversation_(&conversation) {}

 private:
  house::NinePConversation* conversation_;
};

struct SharedFile {
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
};

class RINGSIDE_API NinePBench : public Bench {
 public:
  explicit NinePBench(const BenchOptions& options = {}, const std::string& share = "share0");
  ~NinePBench() override;

  // --- The share: a tree in memory. Paths begin with "/"; a file's folder must be there ---
  void add_file(const std::string& path, std::string_view contents, const SharedFile& file = {});
  void add_directory(const std::string& path, uint32_t mode = 0755);
  // All of a folder of the host, as it is now; nothing of it is ever written.
  void add_folder(const std::string& host_path);
  std::optional<std::string> contents(const std::string& path) const;
  bool exists(const std::string& path) const;

  // A conversation with our server about the share. Each call gives another one; there may be 256 in all.
  NinePClient client();
  // A conversation with the server that the test plays: both ends of it.
  struct Played {
    NinePClient client;
    NinePServer server;
  };
  Played play_server();

 private:
  house::NinePBench& own() const;
};

}  // namespace ringside::test
