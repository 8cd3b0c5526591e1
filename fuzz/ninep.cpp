// Hostile 9P clients. Two conversations share a small tree; an input is a row of operations, the first byte
// of each says what: a message built by the table of messages (most), a message of raw bytes, time, a
// disconnect, the other conversation, a tree that is read only from now on, a reading of the source that
// fails.
//
// Besides what the sanitizers find, each answer must be one whole message that decodes, no longer than the
// msize.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "fuzz/device_bench.h"
#include "fuzz/driver.h"
#include "host/9p/file_tree.h"
#include "host/9p/message_writer.h"
#include "host/9p/messages.h"
#include "host/9p/server.h"

namespace ringside {

namespace {

constexpr uint8_t kTypes[] = {ninep::Tversion, ninep::Tauth,    ninep::Tattach,    ninep::Tflush,
                              ninep::Twalk,    ninep::Topen,    ninep::Tcreate,    ninep::Tread,
                              ninep::Twrite,   ninep::Tclunk,   ninep::Tremove,    ninep::Tstat,
                              ninep::Twstat,   ninep::Tstatfs,  ninep::Tlopen,     ninep::Tlcreate,
                              ninep::Tsymlink, ninep::Tmknod,   ninep::Trename,    ninep::Treadlink,
                              ninep::Tgetattr, ninep::Tsetattr, ninep::Txattrwalk, ninep::Txattrcreate,
                              ninep::Treaddir, ninep::Tfsync,   ninep::Tlock,      ninep::Tgetlock,
                              ninep::Tlink,    ninep::Tmkdir,   ninep::Trenameat,  ninep::Tunlinkat};
// The codes behind them.
enum Operation : uint8_t {
  raw = std::size(kTypes),
  time,
  disconnect,
  other,
  read_only,
  source_fails,
  cut,
  count
};

constexpr std::string_view kTexts[] = {"",
                                       "a",
                                       "b",
                                       "d",
                                       "f",
                                       "l",
                                       "s",
                                       "e",
                                       "..",
                                       ".",
                                       "9P2000.L",
                                       "9P2000",
                                       "user.x",
                                       "trusted.y",
                                       "root",
                                       "1000",
                                       "system.posix_acl_access",
                                       "share",
                                       "nobody"};
// Flags, modes, sizes that mean something somewhere.
constexpr uint32_t kNumbers[] = {
    0,     1,      2,      3,      0x10,       0x40,       0101,       01002,      02001,      0100, 0777,
    04755, 010644, 020666, 040755, 060600,     0140600,    0x200,      0x1ff,      0x3fff,     4096, 8192,
    65536, 100,    1000,   0xffff, 0x80000000, 0x40000000, 0x20000000, 0xffffffff, 0x60000000, 24};

struct Source final : ContentSource {
  explicit Source(const bool& fails_now) : fails(fails_now) {}
  uint64_t size() const override { return 10'000; }
  FileResult<size_t> read(uint64_t offset, std::span<uint8_t> into) override {
    if (offset + into.size() > size()) std::abort();
    if (fails) return file_error(5);
    std::fill(into.begin(), into.end(), uint8_t{1});
    return into.size();
  }
  const bool& fails;
};

struct Bench {
  Bench()
      : tree({.root_mode = 0777,
              .bytes_max = 64 * 1024,
              .files_max = 48,
              .depth_max = 6,
              .links_max = 3,
              .attribute_bytes_max = 4096,
              .attributes_max = 3},
             clock) {
    const FileRef root = tree.root();
    const FileRef d = *tree.create(root, "d", {.mode = file_mode::directory | 0777});
    tree.create(d, "e", {.mode = file_mode::directory | 01777, .uid = 5});
    tree.create(d, "f", {.mode = file_mode::regular | 06666, .uid = 1000});
    tree.create(root, "l", {.mode = file_mode::symlink | 0777, .target = "d/f"});
    tree.create(root, "f", {.mode = file_mode::fifo | 0644});
    tree.set_source(*tree.create(root, "s", {.mode = file_mode::regular | 0666}),
                    std::make_shared<Source>(fails));
    const NinePServerConfig config = {.name = "share",
                                      .msize_max = 8192,
                                      .fids_max = 12,
                                      .requests_max = 6,
                                      .request_bytes_max = 20'000,
                                      .users = {{"anna", 1000, 100, {5}}}};
    for (auto& server : servers) server = std::make_unique<NinePServer>(config, tree, clock, events);
    for (auto& server : servers) {
      server->set_complaint([](NoticeKind, const std::string&) {});
    }
  }

  void advance(Tick span) {
    const Tick until = clock.now + span;
    while (events.next_tick() <= until) {
      clock.now = std::max(clock.now, events.next_tick());
      events.run_due(clock.now);
    }
    clock.now = until;
  }

  void send(std::vector<uint8_t> message) {
    NinePServer& server = *servers[current];
    to_line(decode_message(message, server.dialect().value_or(NinePDialect::base)).fields);
    server.receive(std::move(message), [&server](std::vector<uint8_t> answer) {
      const NinePDialect dialect = server.dialect().value_or(NinePDialect::base);
      const auto problem = ninep_message_problem(answer, dialect);
      if (!problem && answer.size() <= 8192) {
        to_line(decode_message(answer, dialect).fields);
        return;
      }
      std::fprintf(stderr, "an answer of %zu bytes: %s\n", answer.size(),
                   problem.value_or("too long").c_str());
      std::abort();
    });
  }

  Clock clock;
  EventQueue events;
  bool fails = false;
  FileTree tree;
  std::unique_ptr<NinePServer> servers[2];
  size_t current = 0;
};

std::string_view take_text(FuzzInput& input) {
  const uint8_t code = input.take<uint8_t>();
  if (code < 0xc0) return kTexts[code % std::size(kTexts)];
  const auto bytes = input.take_bytes(code == 0xff ? 300 : code & 15);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint64_t take_number(FuzzInput& input) {
  const uint8_t code = input.take<uint8_t>();
  if (code < 0x80) return code;
  if (code < 0xf0) return kNumbers[code % std::size(kNumbers)];
  return code < 0xf8 ? input.take<uint16_t>() : input.take<uint64_t>();
}

void put_fields(FuzzInput& input, std::span<const NinePField> fields, NinePDialect dialect, NinePWriter& out);

void put_field(FuzzInput& input, const NinePField& field, NinePWriter& out) {
  switch (field.kind) {
    case NinePFieldKind::u8: return out.u8(static_cast<uint8_t>(take_number(input)));
    case NinePFieldKind::u16: return out.u16(take_number(input));
    case NinePFieldKind::u64: return out.u64(take_number(input));
    case NinePFieldKind::u32:
      if (field.format != NinePFormat::fid) return out.u32(take_number(input));
      {
        const uint8_t fid = input.take<uint8_t>() & 15;
        return out.u32(fid == 15 ? ninep::nofid : fid);
      }
    case NinePFieldKind::text: return out.text(take_text(input));
    case NinePFieldKind::names: {
      const uint8_t names = input.take<uint8_t>() % 18;
      out.u16(names);
      for (uint8_t i = 0; i < names; ++i) out.text(take_text(input));
      return;
    }
    case NinePFieldKind::data: {
      const size_t length = std::min<uint64_t>(take_number(input), 9000);
      out.u32(length);
      std::ranges::fill(out.grow(length), uint8_t{0x5a});
      return;
    }
    case NinePFieldKind::stat: {
      // What the bits of a mask name is set, the rest says "don't touch".
      const uint16_t set = input.take<uint16_t>();
      const size_t start = out.size();
      out.u16(0);
      size_t place = 0;
      for (const NinePField& part : ninep_stat_fields()) {
        if (part.kind == NinePFieldKind::qid) {
          std::ranges::fill(out.grow(ninep::qid_bytes), static_cast<uint8_t>((set & 8) != 0 ? 0 : 0xff));
        } else if ((set >> place & 1) != 0) {
          put_field(input, part, out);
        } else if (part.kind == NinePFieldKind::text) {
          out.text("");
        } else {
          const size_t bytes = part.kind == NinePFieldKind::u16   ? 2
                               : part.kind == NinePFieldKind::u32 ? 4
                                                                  : 8;
          std::ranges::fill(out.grow(bytes), uint8_t{0xff});
        }
        ++place;
      }
      const size_t length = out.size() - start - 2;
      out.set_u16(start, length);
      if ((set & 1) == 0) out.set_u16(start + 2, length - 2);
      return;
    }
    default: return;  // not in any request
  }
}

void put_fields(FuzzInput& input, std::span<const NinePField> fields, NinePDialect dialect,
                NinePWriter& out) {
  for (const NinePField& field : fields) {
    if (!field.dotl_only || dialect == NinePDialect::dotl) put_field(input, field, out);
  }
}

// Type, tag (its top bit: the next operation comes at once), fields.
std::vector<uint8_t> take_message(FuzzInput& input, uint8_t type, NinePDialect dialect, uint8_t tag) {
  NinePWriter out(type, (tag & 0x7f) == 0x7f || type == ninep::Tversion ? ninep::notag : tag & 7);
  put_fields(input, ninep_message_type(type)->fields, dialect, out);
  return out.finish();
}

uint8_t code_of(uint8_t type) {
  return static_cast<uint8_t>(std::find(std::begin(kTypes), std::end(kTypes), type) - std::begin(kTypes));
}

// What a seed is made of: numbers below 0x80 are themselves, n() is one of kNumbers, t() one of kTexts.
struct Seed {
  Seed& message(uint8_t type, std::initializer_list<uint8_t> fields, uint8_t tag = 1) {
    bytes.insert(bytes.end(), {code_of(type), tag});
    bytes.insert(bytes.end(), fields);
    return *this;
  }
  Seed& operation(std::initializer_list<uint8_t> codes) {
    bytes.insert(bytes.end(), codes);
    return *this;
  }
  std::vector<uint8_t> bytes;
};

uint8_t n(uint32_t number) {
  const auto place = std::find(std::begin(kNumbers), std::end(kNumbers), number);
  return static_cast<uint8_t>(0x80 + (place - std::begin(kNumbers)));
}
uint8_t t(std::string_view text) {
  return static_cast<uint8_t>(std::find(std::begin(kTexts), std::end(kTexts), text) - std::begin(kTexts));
}

// fid 1 at /d, 2 at /d/f, 3 at /s, 4 at /d/e.
Seed session(std::string_view version, std::string_view user) {
  using namespace ninep;
  Seed seed;
  seed.message(Tversion, {n(8192), t(version)});
  if (version == "9P2000") {
    seed.message(Tattach, {0, 15, t(user), t("")});
  } else {
    seed.message(Tattach, {0, 15, t(user), t("share"), 15});
  }
  seed.message(Twalk, {0, 1, 1, t("d")}).message(Twalk, {0, 2, 2, t("d"), t("f")});
  seed.message(Twalk, {0, 3, 1, t("s")}).message(Twalk, {1, 4, 1, t("e")});
  return seed;
}

Seed linux_io(std::string_view user) {
  using namespace ninep;
  Seed seed = session("9P2000.L", user);
  seed.message(Tlopen, {3, 2}).message(Tread, {3, 0, 100}).message(Twrite, {3, 5, n(4096)});
  seed.message(Tread, {3, n(4096), n(8192)}).message(Tfsync, {3, 0}).message(Tlopen, {2, n(02001)});
  seed.message(Twrite, {2, 0, n(8192)}).message(Twrite, {2, 0, 9}).message(Tlopen, {1, 0});
  seed.message(Treaddir, {1, 0, 60}).message(Treaddir, {1, 1, 60}).message(Treaddir, {1, 0, n(8192)});
  seed.message(Tlock, {3, 1, 0, 0, 10, 7, t("a")}).message(Tlock, {3, 2, 0, 4, 2, 7, t("a")});
  seed.message(Tlock, {3, 1, 1, 4, 2, 8, t("a")}).message(Tlock, {3, 0, 0, 10, 0, 7, t("a")});
  seed.message(Tlock, {3, 0, 0, 20, 5, 8, t("a")}).message(Tgetlock, {3, 1, 0, 0, 9, t("a")});
  seed.message(Tlock, {3, 1, 0, 0, 4, 7, t("a")}).message(Tclunk, {3});
  for (const uint8_t mode : {n(010644), n(020666), n(040755), n(060600), n(0140600), n(0777)}) {
    seed.message(Tmknod, {1, t("a"), mode, 1, 3, 0}).message(Tunlinkat, {1, t("a"), 0});
  }
  return seed;
}

Seed linux_names(std::string_view user) {
  using namespace ninep;
  Seed seed = session("9P2000.L", user);
  seed.message(Tmkdir, {0, t("a"), n(0777), 0}).message(Twalk, {0, 5, 1, t("a")});
  seed.message(Tmkdir, {5, t("b"), n(0777), 0}).message(Trenameat, {0, t("a"), 1, t("a")});
  seed.message(Trenameat, {1, t("a"), 4, t("a")}).message(Trenameat, {1, t("e"), 5, t("e")});
  seed.message(Tlcreate, {5, t("f"), 2, n(0777), 0}).message(Twalk, {0, 6, 1, t("s")});
  seed.message(Tlink, {0, 6, t("b")}).message(Tlink, {1, 6, t("b")}).message(Tlink, {4, 6, t("b")});
  seed.message(Trename, {6, 1, t("s")}).message(Trenameat, {0, t("b"), 1, t("f")}).message(Tremove, {6});
  seed.message(Tsymlink, {0, t("b"), t("d"), 0}).message(Twalk, {0, 7, 1, t("l")}).message(Treadlink, {7});
  seed.message(Tunlinkat, {1, t("e"), n(0x200)}).message(Tunlinkat, {0, t("d"), 0}).message(Tstatfs, {0});
  for (const uint8_t valid : {uint8_t{1}, uint8_t{2}, uint8_t{4}, uint8_t{8}, uint8_t{0x30}, n(0x1ff)}) {
    seed.message(Tsetattr, {2, valid, n(04755), 0, 5, 9, 1, 1, 1, 1});
  }
  seed.message(Tgetattr, {2, n(0x3fff)});
  for (const std::string_view name : {"user.x", "trusted.y", "system.posix_acl_access", "a"}) {
    seed.message(Twalk, {2, 8, 0}).message(Txattrcreate, {8, t(name), 3, 0}).message(Twrite, {8, 0, 3});
    seed.message(Tclunk, {8})
        .message(Txattrwalk, {2, 8, t(name)})
        .message(Tread, {8, 1, 100})
        .message(Tclunk, {8});
    seed.message(Txattrwalk, {2, 8, t("")}).message(Tread, {8, 0, 100}).message(Tclunk, {8});
    seed.message(Twalk, {2, 8, 0}).message(Txattrcreate, {8, t(name), 0, 2}).message(Tclunk, {8});
  }
  return seed;
}

Seed plan9(std::string_view user) {
  using namespace ninep;
  Seed seed = session("9P2000", user);
  for (const uint8_t bit : {5, 6, 7}) {  // atime, mtime, length
    seed.message(Twstat, {2, static_cast<uint8_t>(1u << bit), 0, 9});
  }
  seed.message(Twstat, {2, 0, 1, t("a")})
      .message(Twstat, {2, 0, 4, t("root")})
      .message(Twstat, {2, 16, 0, n(0x1ff)});
  seed.message(Twstat, {2, 2, 2, 0, t("1000")}).message(Twstat, {2, 0, 0}).message(Tstat, {2});
  seed.message(Topen, {3, n(0x10)})
      .message(Topen, {2, 0x41})
      .message(Twrite, {2, 0, 9})
      .message(Tread, {3, 0, 9});
  seed.message(Topen, {1, 0})
      .message(Tread, {1, 0, 100})
      .message(Tread, {1, 70, 100})
      .message(Tread, {1, 0, 9});
  seed.message(Tclunk, {2});
  for (const uint8_t perm : {n(0777), n(0x80000000), n(0x40000000), n(0x20000000)}) {
    seed.message(Twalk, {0, 5, 0}).message(Tcreate, {5, t("b"), perm, 0}).message(Twalk, {0, 6, 1, t("b")});
    seed.message(Topen, {6, 1}).message(Twrite, {6, 0, 9}).message(Tremove, {6}).message(Tremove, {5});
  }
  seed.message(Tauth, {1, t("root"), t("")}).message(Tflush, {1}).message(Tgetattr, {0, 1});
  return seed;
}

// What happens around messages: flushes of what is under way, both conversations, failures.
Seed around() {
  using namespace ninep;
  Seed seed = session("9P2000.L", "root");
  seed.message(Tlopen, {3, 2}).message(Tread, {3, 0, 100}, 0x82).message(Tclunk, {2}, 0x83);
  seed.message(Tclunk, {2}, 0x83)
      .message(Tflush, {2}, 0x84)
      .message(Tflush, {4}, 5)
      .message(Tclunk, {2}, 0x7f);
  seed.operation({Operation::source_fails, 1}).message(Twrite, {3, 5, 9}).message(Tread, {3, 0, 9});
  seed.operation({Operation::source_fails, 0, Operation::cut, 20}).message(Tclunk, {3});
  seed.operation({Operation::cut, 9}).message(Tclunk, {3}).operation({Operation::raw, 3, 1, 2, 3});
  seed.operation({Operation::read_only, 1}).message(Tmkdir, {0, t("a"), n(0777), 0});
  seed.message(Tlopen, {2, 1}).message(Tsetattr, {2, 1, 0, 0, 0, 0, 0, 0, 0, 0});
  seed.operation({Operation::other}).message(Tclunk, {0}).message(Tversion, {n(4096), t("a")});
  seed.message(Tversion, {9, t("9P2000.L")}).message(Tversion, {n(4096), t("9P2000")});
  seed.operation({Operation::time, 20, Operation::disconnect});
  return seed;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (const std::string_view user : {"root", "1000"}) {
    for (const auto& make : {linux_io, linux_names, plan9}) seeds.push_back(make(user).bytes);
  }
  seeds.push_back(around().bytes);
  return seeds;
}

}  // namespace ringside

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace ringside;
  Bench bench;
  FuzzInput input(data, size);
  uint8_t cut_next = 0;
  while (!input.empty()) {
    const uint8_t code = input.take<uint8_t>() % Operation::count;
    if (code <= Operation::raw) {
      const uint8_t tag = input.take<uint8_t>();
      std::vector<uint8_t> message;
      if (code == Operation::raw) {
        const auto bytes = input.take_bytes(tag & 63);
        message.assign(bytes.begin(), bytes.end());
      } else {
        const NinePDialect dialect = bench.servers[bench.current]->dialect().value_or(NinePDialect::dotl);
        message = take_message(input, kTypes[code], dialect, tag);
      }
      if (cut_next != 0 && !message.empty()) {
        message.resize(cut_next % message.size());
        if ((cut_next & 1) != 0 && message.size() >= 4) message[0] = static_cast<uint8_t>(message.size());
        cut_next = 0;
      }
      bench.send(std::move(message));
      if ((tag & 0x80) == 0) bench.advance(microseconds(20));
      continue;
    }
    switch (code) {
      case Operation::time: bench.advance(microseconds(input.take<uint8_t>())); break;
      case Operation::disconnect: bench.servers[bench.current]->reset(); break;
      case Operation::other: bench.current ^= 1; break;
      case Operation::read_only: bench.tree.set_read_only((input.take<uint8_t>() & 1) != 0); break;
      case Operation::source_fails: bench.fails = (input.take<uint8_t>() & 1) != 0; break;
      default: cut_next = input.take<uint8_t>(); break;
    }
  }
  for (const auto& server : bench.servers) state_digest(*server);
  state_digest(bench.tree);
  return 0;
}
