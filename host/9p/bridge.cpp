#include "host/9p/bridge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/9p/message_writer.h"
#include "sim/hash.h"

namespace ringside {

namespace {

// An answer of the world outside, as sessions hold it: kind 1 and an R message, or kind 2, an errno (4 bytes,
// little-endian) and a text.
enum AnswerKind : uint8_t { message_answer = 1, failure_answer = 2 };

std::vector<uint8_t> encode(const BridgeConnection::Failure& failure) {
  std::vector<uint8_t> answer = {failure_answer};
  for (unsigned shift = 0; shift < 32; shift += 8)
    answer.push_back(static_cast<uint8_t>(static_cast<uint32_t>(failure.error) >> shift));
  answer.insert(answer.end(), failure.what.begin(), failure.what.end());
  return answer;
}

uint32_t load_u32(std::span<const uint8_t> bytes, size_t at) {
  return bytes[at] | uint32_t{bytes[at + 1]} << 8 | uint32_t{bytes[at + 2]} << 16 |
         uint32_t{bytes[at + 3]} << 24;
}

uint8_t type_of(std::span<const uint8_t> message) { return message[4]; }
uint16_t tag_of(std::span<const uint8_t> message) {
  return static_cast<uint16_t>(message[5] | message[6] << 8);
}

std::string name_of(uint8_t type) {
  const NinePMessageType* row = ninep_message_type(type);
  return row != nullptr ? std::string(row->name) : fmt::format("type {}", type);
}

// msize and version of a Tversion or Rversion; nothing where it is malformed.
struct Version {
  uint32_t msize;
  std::string_view text;
};
std::optional<Version> version_in(const std::vector<uint8_t>& message) {
  const NinePValues values = ninep_values(ninep_message_type(ninep::Tversion)->fields, NinePDialect::base,
                                          message, ninep::header_bytes);
  if (!values.problem.empty()) return std::nullopt;
  return Version{values.u32(0), values.text(1)};
}

constexpr size_t kMsizeAt = ninep::header_bytes;  // of a Tversion

}  // namespace

NinePBridge::NinePBridge(const NinePBridgeConfig& config, Outside& outside, const Clock& clock,
                         EventQueue& events)
    : config_(config),
      outside_(outside),
      clock_(clock),
      events_(events),
      msize_(std::max(config.msize_max, kMsizeMin)),
      broken_(ENOTCONN) {}

NinePBridge::~NinePBridge() { forget_all(); }

// What the server is not asked at all. The error is for the client.
std::optional<int> NinePBridge::refuse(const std::vector<uint8_t>& message) {
  const uint8_t type = type_of(message);
  const uint16_t tag = tag_of(message);
  const auto complaint = [&](int error, const std::string& what) {
    complain(NoticeKind::unusual, fmt::format("{} tag {}: {}", name_of(type), tag, what));
    return error;
  };
  if (load_u32(message, 0) != message.size()) {
    return complaint(EPROTO,
                     fmt::format("its size says {}, it has {} bytes", load_u32(message, 0), message.size()));
  }
  if (message.size() > msize_)
    return complaint(EMSGSIZE, fmt::format("{} bytes are more than the msize of {}", message.size(), msize_));
  // Answers have odd numbers; a server that gets one ends the connection.
  if (type % 2 != 0) return complaint(EOPNOTSUPP, "it is no request");
  if (pending_.size() >= config_.requests_max || pending_bytes_ >= config_.answer_bytes_max) {
    return complaint(EAGAIN, fmt::format("{} answers ({} bytes) wait", pending_.size(), pending_bytes_));
  }
  if (type == ninep::Tversion) {
    const auto version = version_in(message);
    if (!version) return complaint(EPROTO, "it is malformed");
    if (version->msize < kMsizeMin) return complaint(EPROTO, fmt::format("an msize of {}", version->msize));
    return std::nullopt;
  }
  if (tag == ninep::notag) return complaint(EPROTO, "NOTAG is Tversion's");
  const bool in_use =
      std::any_of(pending_.begin(), pending_.end(), [tag](const Pending& other) { return other.tag == tag; });
  if (in_use) return complaint(EPROTO, "the tag is in use");
  if (broken_ != 0) return broken_;
  return std::nullopt;
}

// Only here the host is touched; what comes of it is all in the answer.
std::vector<uint8_t> NinePBridge::ask_server(const std::vector<uint8_t>& message, uint32_t bytes_max) {
  if (!outside_.may_converse())
    return encode({EIO, "is the business of the process that this one was forked from"});
  if (type_of(message) == ninep::Tversion) {
    const auto connected = connection_.connect(config_.address, config_.timeout_ms);
    if (!connected) return encode(connected.error());
  }
  const auto answer = connection_.exchange(message, bytes_max, config_.timeout_ms);
  if (!answer) return encode(answer.error());
  std::vector<uint8_t> whole = {message_answer};
  whole.insert(whole.end(), answer->begin(), answer->end());
  return whole;
}

// What is wrong with a server's message, as an answer to a request.
std::string NinePBridge::judge(const std::vector<uint8_t>& request,
                               const std::vector<uint8_t>& answer) const {
  if (answer.size() < ninep::header_bytes || load_u32(answer, 0) != answer.size() || answer.size() > msize_)
    return fmt::format("sent a message of {} bytes", answer.size());
  const uint8_t type = type_of(answer), asked = type_of(request);
  if (tag_of(answer) != tag_of(request)) {
    return fmt::format("answered {} tag {} with {} tag {}", name_of(asked), tag_of(request), name_of(type),
                       tag_of(answer));
  }
  const bool is_error = type == ninep::Rlerror || type == ninep::Rerror;
  if (type != asked + 1 && !is_error)
    return fmt::format("answered {} with {}", name_of(asked), name_of(type));
  if (asked == ninep::Tversion && !is_error) {
    const auto offered = version_in(request), agreed = version_in(answer);
    if (!agreed) return "sent a malformed Rversion";
    if (agreed->msize > offered->msize || agreed->msize < kMsizeMin)
      return fmt::format("answered an msize of {} with {}", offered->msize, agreed->msize);
    return "";
  }
  if (!dialect_ || is_error) return "";
  const auto problem = ninep_message_problem(answer, *dialect_);
  return problem ? fmt::format("sent a malformed {}: {}", name_of(type), *problem) : "";
}

void NinePBridge::end_conversation(const std::string& what, int error) {
  complain(NoticeKind::unusual, fmt::format("the server at {} {}", config_.address.text, what));
  connection_.close();
  broken_ = error;
}

// A Tversion aborts what is in flight, and promises no more than we can take.
void NinePBridge::begin(std::vector<uint8_t>& message) {
  forget_all();
  const Version version = *version_in(message);
  msize_ = std::min(version.msize, std::max(config_.msize_max, kMsizeMin));
  for (unsigned i = 0; i < 4; ++i) message[kMsizeAt + i] = static_cast<uint8_t>(msize_ >> (8 * i));
  dialect_.reset();
  error_form_ = version.text == "9P2000.L"   ? ErrorForm::number
                : version.text == "9P2000.u" ? ErrorForm::text_and_number
                                             : ErrorForm::text;
  broken_ = 0;
}

void NinePBridge::agree(const std::vector<uint8_t>& request, const std::vector<uint8_t>& answer) {
  const auto version = type_of(answer) == ninep::Rversion ? version_in(answer) : std::nullopt;
  if (!version || version->text == "unknown") {
    // version(5): there is no session, and the client may offer another one.
    broken_ = EPROTO;
    connection_.close();
    msize_ = std::max(config_.msize_max, kMsizeMin);
    return;
  }
  msize_ = version->msize;
  if (version->text == "9P2000.u") {
    error_form_ = ErrorForm::text_and_number;
    return;
  }
  if (version->text != version_in(request)->text && version->text == "9P2000") error_form_ = ErrorForm::text;
  dialect_ = ninep_dialect(version->text);
}

std::vector<uint8_t> NinePBridge::ask(const std::vector<uint8_t>& message) {
  const auto answer =
      outside_.exchange(config_.wire + "/bridge", [&] { return ask_server(message, msize_); });
  history_hash_ = hash_mix(history_hash_, hash64(answer));
  if (answer.size() > 5 && answer[0] == failure_answer) {
    const uint32_t error = load_u32(answer, 1);
    end_conversation(std::string(answer.begin() + 5, answer.end()),
                     error != 0 && error < 4096 ? static_cast<int>(error) : EIO);
    return error_message(tag_of(message), broken_);
  }
  std::vector<uint8_t> found;
  if (!answer.empty()) found.assign(answer.begin() + 1, answer.end());
  const std::string problem = answer.empty() ? "has no answer in the recording" : judge(message, found);
  if (!problem.empty()) {
    end_conversation(problem, EIO);
    return error_message(tag_of(message), EIO);
  }
  if (type_of(message) == ninep::Tversion) agree(message, found);
  return found;
}

void NinePBridge::receive(std::vector<uint8_t> message, Reply reply) {
  history_hash_ = hash_mix(hash_mix(history_hash_, hash64(std::span<const uint8_t>(message))), clock_.now.ps);
  // Nothing to answer with: the transport's mistake, or a client that goes on where each answer is a refusal.
  if (message.size() < ninep::header_bytes || pending_.size() >= 2 * uint64_t{config_.requests_max}) {
    return complain(NoticeKind::unusual, fmt::format("a message of {} bytes is dropped; {} answers wait",
                                                     message.size(), pending_.size()));
  }
  const uint16_t tag = tag_of(message);
  const size_t bytes = message.size();
  std::vector<uint8_t> answer;
  if (const auto error = refuse(message)) {
    answer = error_message(tag, *error);
  } else {
    if (type_of(message) == ninep::Tversion) begin(message);
    answer = ask(message);
  }
  queue(tag, bytes, std::move(answer), std::move(reply));
}

std::vector<uint8_t> NinePBridge::error_message(uint16_t tag, int error) const {
  NinePWriter out(error_form_ == ErrorForm::number ? ninep::Rlerror : ninep::Rerror, tag);
  if (error_form_ != ErrorForm::number) {
    const char* known = strerrordesc_np(error);
    out.text(known != nullptr ? known : "error");
  }
  if (error_form_ != ErrorForm::text) out.u32(static_cast<uint32_t>(error));
  return out.finish();
}

void NinePBridge::queue(uint16_t tag, size_t request_bytes, std::vector<uint8_t> answer, Reply reply) {
  const Tick latency = config_.latency + config_.latency_per_byte * (request_bytes + answer.size());
  last_due_ = std::max(last_due_, saturating_add(clock_.now, latency));
  pending_bytes_ += answer.size();
  const auto event = events_.schedule(last_due_, "9p/bridge", [this] { answer_first(); });
  pending_.push_back({tag, std::move(answer), std::move(reply), event});
}

void NinePBridge::answer_first() {
  Pending first = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= first.answer.size();
  if (first.reply) first.reply(std::move(first.answer));
}

void NinePBridge::forget_all() {
  for (Pending& request : pending_) events_.cancel(request.event);
  pending_.clear();
  pending_bytes_ = 0;
  last_due_ = {};
}

void NinePBridge::reset() {
  forget_all();
  connection_.close();
  msize_ = std::max(config_.msize_max, kMsizeMin);
  dialect_.reset();
  broken_ = ENOTCONN;
  history_hash_ = hash_mix(history_hash_, clock_.now.ps);
}

void NinePBridge::visit_state(StateVisitor& visitor) const {
  visitor.number("msize", msize_);
  visitor.number("dialect", dialect_ ? 1 + static_cast<uint64_t>(*dialect_) : 0);
  visitor.number("error_form", static_cast<uint64_t>(error_form_));
  visitor.number("broken", static_cast<uint64_t>(broken_));
  visitor.number("pending", pending_.size());
  visitor.number("pending_bytes", pending_bytes_);
  visitor.number("last_due", last_due_.ps);
  visitor.number("history", history_hash_);
}

}  // namespace ringside
