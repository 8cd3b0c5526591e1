#include "sim/session/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <set>

#include "sim/hash.h"
#include "sim/session/encoding.h"
#include "sim/session/pcapng.h"

namespace ringside {

using Block = BlockInput::Block;

namespace {
constexpr uint64_t kEverything = std::numeric_limits<uint64_t>::max();
}

struct SessionReader::Impl {
  Result<> read_header();
  Result<> read_contents(const std::vector<bool>& packed);
  Result<> read_file(size_t index, uint64_t& budget);
  Result<Block> header_block(uint32_t type);
  Result<CustomBody> custom_of(const Block& block, CustomKind kind);
  void find_outcome();
  bool find_epoch();

  Result<> take_interface(const Block& block);
  Result<> take_packet(const Block& block, SessionSink& sink);
  Result<> take_custom(const Block& block, SessionSink& sink);
  Result<bool> take_block(SessionSink& sink);
  Result<size_t> read(SessionSink& sink, size_t records_max);

  tl::unexpected<Error> damage(const Block& block, std::string_view why) const {
    return tl::unexpected(input.damage(block.offset, pcapng::block_kind(block.type), why));
  }

  BlockInput input;
  SessionHeader header;
  std::vector<SessionWire> wires;
  std::vector<DecodedInterface> interfaces;  // wires[i] is interfaces[i + 1]
  std::set<std::string, std::less<>> names;
  std::vector<uint8_t> unframed;
  uint64_t records_begin = 0;
  uint64_t records_end = 0;  // so far records may be returned: where a cut session's last epoch ends
  uint64_t looked_to = 0;    // no epoch ends between there and records_end
  uint64_t last_input = 0;
  uint64_t last_digest = 0;
  bool outcome_met = false;
  bool at_end = false;
};

Result<Block> SessionReader::Impl::header_block(uint32_t type) {
  const uint64_t offset = input.position();
  auto block = input.next();
  if (!block) return tl::unexpected(block.error());
  if (!*block) {
    return tl::unexpected(input.error(fmt::format(
        "was cut within its header, in the {} at byte {}, and nothing of it replays; record it again",
        pcapng::block_kind(type), offset)));
  }
  if ((*block)->type != type)
    return damage(**block, fmt::format("a {} should be there", pcapng::block_kind(type)));
  return **block;
}

Result<CustomBody> SessionReader::Impl::custom_of(const Block& block, CustomKind kind) {
  const CustomBody body = custom_body(block);
  if (body.version != kSessionFormat) {
    return damage(block, fmt::format("it has version {} of the format, and this Ringside reads version {}",
                                     body.version, kSessionFormat));
  }
  if (body.kind != kind) return damage(block, "another custom block should be there");
  return body;
}

Result<> SessionReader::Impl::read_header() {
  if (input.size() == 0) return tl::unexpected(input.error("is empty; record it again"));
  const auto section = header_block(pcapng::section_header);
  if (!section) return tl::unexpected(section.error());
  if (pcapng::load<uint32_t>(&section->bytes[8]) != pcapng::kByteOrderMagic) {
    return damage(*section, "its byte order is not little endian");
  }
  const auto block = header_block(pcapng::custom);
  if (!block) return tl::unexpected(block.error());
  const auto body = custom_of(*block, CustomKind::header);
  if (!body) return tl::unexpected(body.error());
  if (body->body.size() > kHeaderBytesMax) return damage(*block, "the session's header is too large");
  std::vector<bool> packed;
  auto parsed =
      header_from_json({reinterpret_cast<const char*>(body->body.data()), body->body.size()}, packed);
  if (!parsed) return damage(*block, parsed.error().message);
  header = std::move(*parsed);
  if (auto contents = read_contents(packed); !contents) return contents;

  const auto inputs = header_block(pcapng::interface_description);
  if (!inputs) return tl::unexpected(inputs.error());
  auto interface = decode_interface(inputs->bytes);
  if (!interface) return damage(*inputs, interface.error());
  if (interface->wire.name != "input" || interface->link_type != link_type::user0) {
    return damage(*inputs, "the first interface is not the input's");
  }
  interfaces.push_back(std::move(*interface));
  records_begin = input.position();
  return {};
}

Result<> SessionReader::Impl::read_contents(const std::vector<bool>& packed) {
  uint64_t budget = kContentsBytesMax;
  for (size_t i = 0; i < header.files.size(); ++i) {
    if (!packed[i]) continue;
    if (auto read = read_file(i, budget); !read) return read;
  }
  return {};
}

Result<> SessionReader::Impl::read_file(size_t index, uint64_t& budget) {
  SessionFile& file = header.files[index];
  const uint64_t begin = input.position();
  if (file.size > budget) {
    return tl::unexpected(
        input.damage(begin, "custom block",
                     fmt::format("packed files of more than {} bytes are refused", kContentsBytesMax)));
  }
  budget -= file.size;
  std::vector<uint8_t>& contents = file.contents.emplace();
  for (uint32_t chunk = 0; contents.size() < file.size; ++chunk) {
    const auto block = header_block(pcapng::custom);
    if (!block) return tl::unexpected(block.error());
    const auto body = custom_of(*block, CustomKind::contents);
    if (!body) return tl::unexpected(body.error());
    const auto piece = decode_contents(body->body);
    if (!piece) return damage(*block, piece.error());
    const uint64_t expected = std::min<uint64_t>(kContentsChunk, file.size - contents.size());
    if (piece->file != index || piece->chunk != chunk || piece->size != expected) {
      return damage(*block, fmt::format("it is not piece {} of '{}'", chunk, file.name));
    }
    if (const auto unpacked = unpack(*piece, contents); !unpacked) return damage(*block, unpacked.error());
  }
  if (file_hash(contents) != file.hash) {
    return tl::unexpected(input.damage(begin, "custom block",
                                       fmt::format("the packed file '{}' has another hash than the "
                                                   "header says",
                                                   file.name)));
  }
  return {};
}

// A file that ends with an outcome is whole, and whatever is wrong inside it is damage. Any other is cut
// where its last epoch ends, unless damage comes first.
void SessionReader::Impl::find_outcome() {
  const auto last = input.last(kOutcomeBlockMax);
  if (last && last->type == pcapng::custom && custom_body(*last).kind == CustomKind::outcome)
    records_end = kEverything;
}

// Looks for the end of the epoch that begins at records_end; false where there is none. Damage is an end,
// too: who reads on will meet it.
bool SessionReader::Impl::find_epoch() {
  const uint64_t begin = input.position();
  input.seek(std::max(looked_to, records_end));
  for (;;) {
    const auto block = input.next();
    if (block && !*block) break;
    const bool is_custom = block && (*block)->type == pcapng::custom;
    const bool is_digest = is_custom && custom_body(**block).kind == CustomKind::digest;
    if (!block || (is_custom && custom_body(**block).kind == CustomKind::outcome)) records_end = kEverything;
    if (is_digest) records_end = (*block)->end();
    if (records_end > begin) break;
  }
  const bool found = records_end > begin;
  looked_to = found ? 0 : input.position();
  input.seek(begin);
  return found;
}

Result<> SessionReader::Impl::take_interface(const Block& block) {
  auto interface = decode_interface(block.bytes);
  if (!interface) return damage(block, interface.error());
  if (!names.insert(interface->wire.name).second) {
    return damage(block, fmt::format("a second wire is named '{}'", interface->wire.name));
  }
  wires.push_back(interface->wire);
  interfaces.push_back(std::move(*interface));
  return {};
}

Result<> SessionReader::Impl::take_packet(const Block& block, SessionSink& sink) {
  const uint32_t number = packet_interface(block.bytes);
  if (number >= interfaces.size()) return damage(block, fmt::format("interface {} is unknown", number));
  if (number == 0) {
    auto record = decode_input(block.bytes);
    if (!record) return damage(block, record.error());
    if (record->number != last_input + 1) {
      return damage(block, fmt::format("input {} follows input {}", record->number, last_input));
    }
    last_input = record->number;
    sink.take(std::move(*record));
    return {};
  }
  auto crossing = decode_crossing(block.bytes, interfaces[number], unframed);
  if (!crossing) return damage(block, crossing.error());
  crossing->wire = number - 1;
  sink.take(*crossing);
  return {};
}

Result<> SessionReader::Impl::take_custom(const Block& block, SessionSink& sink) {
  const CustomKind kind = custom_body(block).kind;
  const auto body = custom_of(block, kind);
  if (!body) return tl::unexpected(body.error());
  if (kind == CustomKind::digest) {
    auto digest = decode_digest(body->body);
    if (!digest) return damage(block, digest.error());
    if (digest->number != last_digest + 1) {
      return damage(block, fmt::format("epoch {} follows epoch {}", digest->number, last_digest));
    }
    last_digest = digest->number;
    sink.take(std::move(*digest));
    return {};
  }
  if (kind == CustomKind::outcome) {
    auto outcome = decode_outcome(body->body);
    if (!outcome) return damage(block, outcome.error());
    if (block.end() != input.size()) return damage(block, "something follows the outcome");
    outcome_met = true;
    sink.take(std::move(*outcome));
    return {};
  }
  return damage(block, fmt::format("a custom block of kind {} cannot be there", static_cast<unsigned>(kind)));
}

// False where the block was no record.
Result<bool> SessionReader::Impl::take_block(SessionSink& sink) {
  const uint64_t offset = input.position();
  const auto block = input.next();
  if (!block) return tl::unexpected(block.error());
  if (!*block)
    return tl::unexpected(input.damage(offset, "unknown block", "it ends behind the file's last block"));
  if ((*block)->type == pcapng::interface_description) {
    if (auto taken = take_interface(**block); !taken) return tl::unexpected(taken.error());
    return false;
  }
  if ((*block)->type == pcapng::section_header) return damage(**block, "a second section cannot be there");
  const auto taken =
      (*block)->type == pcapng::custom ? take_custom(**block, sink) : take_packet(**block, sink);
  if (!taken) return tl::unexpected(taken.error());
  return true;
}

Result<size_t> SessionReader::Impl::read(SessionSink& sink, size_t records_max) {
  size_t records = 0;
  while (!at_end && records < records_max) {
    const bool is_there = input.position() < std::min(records_end, input.size()) ||
                          (records_end != kEverything && find_epoch());
    if (!is_there) {
      at_end = true;
      break;
    }
    const auto taken = take_block(sink);
    if (!taken) return tl::unexpected(taken.error());
    records += *taken ? 1 : 0;
  }
  return records;
}

namespace {

class OneRecord final : public SessionSink {
 public:
  void take(const CrossingView& crossing) override {
    record = SessionCrossing{crossing.at,
                             crossing.sequence,
                             crossing.wire,
                             crossing.direction,
                             crossing.flags,
                             crossing.full_size,
                             {crossing.payload.begin(), crossing.payload.end()}};
  }
  void take(InputRecord&& input) override { record = std::move(input); }
  void take(EpochDigest&& digest) override { record = std::move(digest); }
  void take(RunOutcome&& outcome) override { record = std::move(outcome); }

  std::optional<SessionRecord> record;
};

}  // namespace

SessionReader::SessionReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SessionReader::SessionReader(SessionReader&&) noexcept = default;
SessionReader& SessionReader::operator=(SessionReader&&) noexcept = default;
SessionReader::~SessionReader() = default;

Result<SessionReader> SessionReader::open(const std::string& path) {
  auto impl = std::make_unique<Impl>();
  if (auto opened = impl->input.open(path); !opened) return tl::unexpected(opened.error());
  if (auto read = impl->read_header(); !read) return tl::unexpected(read.error());
  impl->records_end = impl->records_begin;
  impl->find_outcome();
  SessionReader reader(std::move(impl));
  reader.rewind();
  return reader;
}

const SessionHeader& SessionReader::header() const { return impl_->header; }

const std::vector<SessionWire>& SessionReader::wires() const { return impl_->wires; }

Result<std::optional<SessionRecord>> SessionReader::next() {
  OneRecord one;
  if (const auto read = impl_->read(one, 1); !read) return tl::unexpected(read.error());
  return std::move(one.record);
}

Result<size_t> SessionReader::read(SessionSink& sink, size_t records_max) {
  return impl_->read(sink, records_max);
}

Result<bool> SessionReader::resume() {
  const uint64_t size = impl_->input.size();
  if (auto looked = impl_->input.look_again(); !looked) return tl::unexpected(looked.error());
  if (impl_->outcome_met || impl_->input.size() == size) return false;
  impl_->find_outcome();
  impl_->at_end = impl_->records_end != kEverything && !impl_->find_epoch();
  return !impl_->at_end;
}

void SessionReader::rewind() {
  impl_->input.seek(impl_->records_begin);
  impl_->wires.clear();
  impl_->names.clear();
  impl_->interfaces.resize(1);
  impl_->last_input = impl_->last_digest = 0;
  impl_->outcome_met = impl_->at_end = false;
}

bool SessionReader::was_cut() const { return impl_->at_end && !impl_->outcome_met; }

uint64_t SessionReader::bytes_lost() const {
  return impl_->records_end < impl_->input.size() ? impl_->input.size() - impl_->records_end : 0;
}

uint64_t SessionReader::position() const { return impl_->input.position(); }

uint64_t SessionReader::size() const { return impl_->input.size(); }

bool is_session_file(const std::string& path) {
  constexpr std::array<char, 4> kSectionHeader{0x0a, 0x0d, 0x0d, 0x0a};
  std::array<char, 4> head{};
  std::ifstream file(path, std::ios::binary);
  return file.read(head.data(), head.size()) && head == kSectionHeader;
}

}  // namespace ringside
