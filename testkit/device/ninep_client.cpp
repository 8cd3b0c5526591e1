#include <fmt/format.h>

#include <algorithm>

#include "testkit/device/ninep_house.h"

namespace ringside::test {

// --- Messages ---

NinePMessage::NinePMessage(uint8_t type) : bytes_(7) { bytes_[4] = type; }

NinePMessage& NinePMessage::number(uint64_t value, unsigned size) {
  for (unsigned i = 0; i < size; ++i) bytes_.push_back(static_cast<uint8_t>(value >> (8 * i)));
  return *this;
}

NinePMessage& NinePMessage::counted(std::string_view value, unsigned count_size) {
  number(value.size(), count_size);
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  return *this;
}

NinePMessage& NinePMessage::text(std::string_view value) { return counted(value, 2); }
NinePMessage& NinePMessage::data(std::string_view value) { return counted(value, 4); }

NinePMessage& NinePMessage::raw(std::span<const uint8_t> value) {
  bytes_.insert(bytes_.end(), value.begin(), value.end());
  return *this;
}

NinePMessage& NinePMessage::qid(const Qid& value) {
  return u8(value.type).u32(value.version).u64(value.path);
}

Bytes NinePMessage::tagged(uint16_t tag) const {
  Bytes whole = bytes_;
  for (unsigned i = 0; i < 4; ++i) whole[i] = static_cast<uint8_t>(whole.size() >> (8 * i));
  whole[5] = static_cast<uint8_t>(tag);
  whole[6] = static_cast<uint8_t>(tag >> 8);
  return whole;
}

uint8_t NinePReader::type() const { return bytes_.size() > 4 ? bytes_[4] : 0; }
uint16_t NinePReader::tag() const {
  return bytes_.size() > 6 ? static_cast<uint16_t>(bytes_[5] | bytes_[6] << 8) : ninep::notag;
}

namespace {

void need(const Bytes& bytes, size_t at, size_t size) {
  if (at <= bytes.size() && size <= bytes.size() - at) return;
  throw ExpectationFailed(
      fmt::format("the 9P message of {} bytes ends before what was to be read of it: {} bytes at {}",
                  bytes.size(), size, at),
      {"(9P message)", 0});
}

}  // namespace

uint64_t NinePReader::number(unsigned size) {
  need(bytes_, at_, size);
  uint64_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= uint64_t{bytes_[at_ + i]} << (8 * i);
  at_ += size;
  return value;
}

std::string NinePReader::counted(unsigned count_size) {
  const auto size = static_cast<size_t>(number(count_size));
  need(bytes_, at_, size);
  std::string value(bytes_.begin() + static_cast<ptrdiff_t>(at_),
                    bytes_.begin() + static_cast<ptrdiff_t>(at_ + size));
  at_ += size;
  return value;
}

std::string NinePReader::text() { return counted(2); }
std::string NinePReader::data() { return counted(4); }

Qid NinePReader::qid() {
  Qid value;
  value.type = u8();
  value.version = u32();
  value.path = u64();
  return value;
}

std::string NinePReader::line() const {
  const NinePDecoded decoded = decode_message(bytes_);
  std::string text = fmt::format("{} tag={}", decoded.name, decoded.tag);
  if (!decoded.fields.empty()) text += " " + to_line(decoded.fields);
  return decoded.problem.empty() ? text : text + " (" + decoded.problem + ")";
}

int NinePReply::error() const {
  if (type() != ninep::Rlerror) return 0;
  return static_cast<int>(NinePReader(bytes_).u32());
}

std::string NinePReply::error_text() const {
  if (type() != ninep::Rerror) return {};
  return NinePReader(bytes_).text();
}

// --- The client ---

void NinePClient::send(const NinePMessage& message, uint16_t tag) {
  conversation_->send(message.tagged(tag));
}
void NinePClient::send_bytes(Bytes message) { conversation_->send(std::move(message)); }

std::optional<NinePReply> NinePClient::take() {
  return house::take_first<NinePReply>(conversation_->answers);
}

NinePReply NinePClient::expect(uint16_t tag, Duration within, SourcePlace place) {
  std::deque<Bytes>& answers = conversation_->answers;
  const auto with_tag = [&] {
    return std::find_if(answers.begin(), answers.end(),
                        [&](const Bytes& bytes) { return NinePReader(bytes).tag() == tag; });
  };
  if (!conversation_->bench.wait_for([&] { return with_tag() != answers.end(); }, within)) {
    house::fail_expectation(
        place, fmt::format("expected an answer with tag {} within {}; {}{}", tag, to_string(within),
                           answers.empty() ? std::string("none came")
                                           : "there is " + NinePReader(answers.front()).line(),
                           house::last_notice(conversation_->bench)));
  }
  const auto found = with_tag();
  NinePReply reply(std::move(*found));
  answers.erase(found);
  return reply;
}

void NinePClient::expect_none(Duration duration, SourcePlace place) {
  if (conversation_->bench.wait_for([&] { return !conversation_->answers.empty(); }, duration))
    house::fail_expectation(
        place, "expected no answer; there is " + NinePReader(conversation_->answers.front()).line());
}

NinePReply NinePClient::ask(const NinePMessage& message, SourcePlace place) {
  const uint16_t tag = message.type() == ninep::Tversion ? ninep::notag : tag_;
  send(message, tag);
  return expect(tag, std::chrono::seconds(1), place);
}

void NinePClient::use_tag(uint16_t tag) { tag_ = tag; }

NinePReply NinePClient::version(std::string_view dialect, uint32_t msize, SourcePlace place) {
  dotl_ = dialect == "9P2000.L";
  return ask(NinePMessage(ninep::Tversion).u32(msize).text(dialect), place);
}

NinePReply NinePClient::attach(uint32_t fid, std::string_view user, uint32_t uid, std::string_view name,
                               SourcePlace place) {
  NinePMessage message(ninep::Tattach);
  message.u32(fid).u32(ninep::nofid).text(user).text(name);
  if (dotl_) message.u32(uid);
  return ask(message, place);
}

NinePReply NinePClient::walk(uint32_t fid, uint32_t new_fid, const std::vector<std::string>& names,
                             SourcePlace place) {
  NinePMessage message(ninep::Twalk);
  message.u32(fid).u32(new_fid).u16(static_cast<uint16_t>(names.size()));
  for (const std::string& name : names) message.text(name);
  return ask(message, place);
}

NinePReply NinePClient::read(uint32_t fid, uint64_t offset, uint32_t count, SourcePlace place) {
  return ask(NinePMessage(ninep::Tread).u32(fid).u64(offset).u32(count), place);
}
NinePReply NinePClient::write(uint32_t fid, uint64_t offset, std::string_view data, SourcePlace place) {
  return ask(NinePMessage(ninep::Twrite).u32(fid).u64(offset).data(data), place);
}
NinePReply NinePClient::clunk(uint32_t fid, SourcePlace place) {
  return ask(NinePMessage(ninep::Tclunk).u32(fid), place);
}
NinePReply NinePClient::remove(uint32_t fid, SourcePlace place) {
  return ask(NinePMessage(ninep::Tremove).u32(fid), place);
}
NinePReply NinePClient::flush(uint16_t old_tag, uint16_t tag, SourcePlace place) {
  send(NinePMessage(ninep::Tflush).u16(old_tag), tag);
  return expect(tag, std::chrono::seconds(1), place);
}

NinePReply NinePClient::open(uint32_t fid, uint8_t mode, SourcePlace place) {
  return ask(NinePMessage(ninep::Topen).u32(fid).u8(mode), place);
}
NinePReply NinePClient::create(uint32_t fid, std::string_view name, uint32_t permissions, uint8_t mode,
                               SourcePlace place) {
  return ask(NinePMessage(ninep::Tcreate).u32(fid).text(name).u32(permissions).u8(mode), place);
}
NinePReply NinePClient::stat(uint32_t fid, SourcePlace place) {
  return ask(NinePMessage(ninep::Tstat).u32(fid), place);
}

NinePReply NinePClient::lopen(uint32_t fid, uint32_t flags, SourcePlace place) {
  return ask(NinePMessage(ninep::Tlopen).u32(fid).u32(flags), place);
}
NinePReply NinePClient::lcreate(uint32_t fid, std::string_view name, uint32_t flags, uint32_t mode,
                                SourcePlace place) {
  return ask(NinePMessage(ninep::Tlcreate).u32(fid).text(name).u32(flags).u32(mode).u32(0), place);
}
NinePReply NinePClient::getattr(uint32_t fid, uint64_t mask, SourcePlace place) {
  return ask(NinePMessage(ninep::Tgetattr).u32(fid).u64(mask), place);
}
NinePReply NinePClient::readdir(uint32_t fid, uint64_t offset, uint32_t count, SourcePlace place) {
  return ask(NinePMessage(ninep::Treaddir).u32(fid).u64(offset).u32(count), place);
}
NinePReply NinePClient::mkdir(uint32_t fid, std::string_view name, uint32_t mode, SourcePlace place) {
  return ask(NinePMessage(ninep::Tmkdir).u32(fid).text(name).u32(mode).u32(0), place);
}
NinePReply NinePClient::unlinkat(uint32_t fid, std::string_view name, uint32_t flags, SourcePlace place) {
  return ask(NinePMessage(ninep::Tunlinkat).u32(fid).text(name).u32(flags), place);
}

void NinePClient::mount(std::string_view dialect, SourcePlace place) {
  NinePReply agreed = version(dialect, 65536, place);
  if (agreed.failed()) house::fail_expectation(place, "the server refuses the session: " + agreed.line());
  agreed.u32();
  if (const std::string name = agreed.text(); name != dialect)
    house::fail_expectation(place, fmt::format("the server does not speak {}: it answers {}", dialect, name));
  const NinePReply attached = attach(0, "root", 0, "", place);
  if (attached.failed())
    house::fail_expectation(place, "the server refuses to be attached: " + attached.line());
}

}  // namespace ringside::test
