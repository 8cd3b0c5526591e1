#include "host/9p/recorded_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "host/9p/message_writer.h"
#include "sim/hash.h"

namespace ringside {

namespace {

uint32_t load_u32(std::span<const uint8_t> bytes, size_t at) {
  return bytes[at] | uint32_t{bytes[at + 1]} << 8 | uint32_t{bytes[at + 2]} << 16 |
         uint32_t{bytes[at + 3]} << 24;
}

uint16_t tag_of(std::span<const uint8_t> message) {
  return static_cast<uint16_t>(message[5] | message[6] << 8);
}

constexpr uint8_t kVersionType = ninep::Tversion;

}  // namespace

NinePRecordedService::NinePRecordedService(const NinePRecordedConfig& config, NinePRecording recording,
                                           UnansweredRequests& unanswered, const Clock& clock,
                                           EventQueue& events)
    : config_(config),
      recording_(std::move(recording)),
      unanswered_(unanswered),
      clock_(clock),
      events_(events),
      msize_(std::max(config.msize_max, kMsizeMin)) {}

NinePRecordedService::~NinePRecordedService() { forget_all(); }

// What is wrong with a message before anybody asks what it means: an errno, or 0.
int NinePRecordedService::refuse(const std::vector<uint8_t>& message) {
  const uint8_t type = message[4];
  const uint16_t tag = tag_of(message);
  const auto complaint = [&](int error, const std::string& what) {
    complain(NoticeKind::unusual, fmt::format("message of type {} with tag {}: {}", type, tag, what));
    return error;
  };
  if (load_u32(message, 0) != message.size())
    return complaint(EPROTO,
                     fmt::format("its size says {}, it has {}", load_u32(message, 0), message.size()));
  if (message.size() > msize_)
    return complaint(EMSGSIZE, fmt::format("{} bytes are more than the msize of {}", message.size(), msize_));
  if (pending_.size() >= config_.requests_max || pending_bytes_ >= config_.answer_bytes_max)
    return complaint(EAGAIN, fmt::format("{} answers ({} bytes) wait", pending_.size(), pending_bytes_));
  if (type == kVersionType) return 0;
  if (tag == ninep::notag) return complaint(EPROTO, "NOTAG is Tversion's");
  const bool in_use =
      std::any_of(pending_.begin(), pending_.end(), [tag](const Pending& other) { return other.tag == tag; });
  if (in_use) return complaint(EPROTO, "the tag is in use");
  return agreed_ ? 0 : ENOTCONN;
}

// A dialect that nobody has spoken is one that the recording does not know.
std::vector<uint8_t> NinePRecordedService::begin(const std::vector<uint8_t>& message) {
  const uint16_t tag = tag_of(message);
  const NinePMeaning request = ninep_meaning(message, paths_);
  if (!request.sound() || request.values.u32(0) < kMsizeMin) {
    complain(NoticeKind::unusual, "a malformed Tversion");
    return error_message(tag, EPROTO);
  }
  forget_all();
  open_.clear();
  const auto dialect = ninep_dialect(request.values.text(1));
  const auto recorded = dialect ? recording_.msize_of(*dialect) : std::nullopt;
  agreed_ = recorded.has_value();
  msize_ = std::min(request.values.u32(0), std::max(config_.msize_max, kMsizeMin));
  if (dialect && !recorded) cannot_answer(request.text, "nobody has spoken this version");
  NinePWriter out(ninep::Rversion, tag);
  out.u32(msize_);
  out.text(!agreed_ ? "unknown" : *dialect == NinePDialect::dotl ? "9P2000.L" : "9P2000");
  return out.finish();
}

// What the protocol forbids whatever the server is: an errno, or 0.
int NinePRecordedService::breach(const NinePMeaning& request) const {
  if (request.unknown_fid) return EBADF;
  const auto fid = request.row->fields.empty() ? ninep::nofid : request.values.u32(0);
  const auto is_new = [&](uint32_t newfid) { return paths_.path_of(newfid) == nullptr; };
  switch (request.type) {
    case ninep::Tattach:
    case ninep::Tauth: return is_new(fid) ? 0 : EBADF;
    case ninep::Twalk:
      if (request.values.u32(1) != fid && !is_new(request.values.u32(1))) return EBADF;
      return open_.contains(fid) && request.values.u64(2) != 0 ? EBADF : 0;
    case ninep::Txattrwalk: return request.values.u32(1) == fid || is_new(request.values.u32(1)) ? 0 : EBADF;
    case ninep::Topen:
    case ninep::Tlopen:
    case ninep::Tcreate:
    case ninep::Tlcreate: return open_.contains(fid) ? EBADF : 0;
    case ninep::Tread:
    case ninep::Twrite:
    case ninep::Treaddir: return open_.contains(fid) ? 0 : EBADF;
    default: return 0;
  }
}

void NinePRecordedService::keep_fids(const NinePMeaning& request, bool failed) {
  switch (request.type) {
    case ninep::Tclunk:
    case ninep::Tremove: open_.erase(request.values.u32(0)); return;
    case ninep::Topen:
    case ninep::Tlopen:
    case ninep::Tcreate:
    case ninep::Tlcreate:
    case ninep::Txattrcreate:
      if (!failed) open_.insert(request.values.u32(0));
      return;
    case ninep::Txattrwalk:
      if (!failed) open_.insert(request.values.u32(1));
      return;
    default: return;
  }
}

void NinePRecordedService::cannot_answer(const std::string& request, const std::string& why) {
  unanswered_.add(config_.name, request, why);
  complain(NoticeKind::unhandled,
           fmt::format("{} cannot answer {}: {}; the guest gets EIO", config_.source, request, why));
}

std::vector<uint8_t> NinePRecordedService::ask(const std::vector<uint8_t>& message) {
  const NinePMeaning request = ninep_meaning(message, paths_);
  if (!request.sound()) {
    complain(NoticeKind::unusual,
             fmt::format("{} tag {}: {} {}", request.text, request.tag, request.values.problem_field,
                         request.row == nullptr ? "is no request of this version" : request.values.problem));
    return error_message(request.tag, request.row == nullptr ? EOPNOTSUPP : EPROTO);
  }
  std::vector<uint8_t> answer;
  if (const int error = breach(request); error != 0) {
    answer = error_message(request.tag, error);
  } else if (request.type == ninep::Tclunk || request.type == ninep::Tflush) {
    answer = NinePWriter(request.type + 1, request.tag).finish();
  } else {
    NinePRecording::Answer found = recording_.answer(request, paths_.dialect(), msize_);
    switch (found.kind) {
      case NinePRecording::Answer::Kind::message: {
        NinePWriter out(found.message[0], request.tag);
        const auto body = std::span(found.message).subspan(3);
        std::copy(body.begin(), body.end(), out.grow(body.size()).begin());
        answer = out.finish();
        break;
      }
      case NinePRecording::Answer::Kind::error:
        answer = error_message(request.tag, found.error, found.text);
        break;
      case NinePRecording::Answer::Kind::unknown:
        cannot_answer(request.text, found.why);
        answer = error_message(request.tag, EIO);
        break;
    }
  }
  keep_fids(request, answer[4] != request.type + 1);
  return answer;
}

void NinePRecordedService::receive(std::vector<uint8_t> message, Reply reply) {
  history_hash_ = hash_mix(hash_mix(history_hash_, hash64(std::span<const uint8_t>(message))), clock_.now.ps);
  // Nothing to answer with: the transport's mistake, or a client that goes on where each answer is a refusal.
  if (message.size() < ninep::header_bytes || pending_.size() >= 2 * uint64_t{config_.requests_max}) {
    return complain(NoticeKind::unusual, fmt::format("a message of {} bytes is dropped; {} answers wait",
                                                     message.size(), pending_.size()));
  }
  const uint16_t tag = tag_of(message);
  std::vector<uint8_t> answer;
  if (const int error = refuse(message); error != 0) {
    answer = error_message(tag, error);
  } else {
    answer = message[4] == kVersionType ? begin(message) : ask(message);
    paths_.take(message);
    paths_.take(answer);
  }
  queue(tag, message.size(), std::move(answer), std::move(reply));
}

std::vector<uint8_t> NinePRecordedService::error_message(uint16_t tag, int error,
                                                         const std::string& text) const {
  const bool numbers = paths_.dialect() == NinePDialect::dotl;
  NinePWriter out(numbers ? ninep::Rlerror : ninep::Rerror, tag);
  const int known = error != 0 ? error : EIO;
  if (numbers) {
    out.u32(static_cast<uint32_t>(known));
  } else if (!text.empty()) {
    out.text(text);
  } else {
    const char* described = strerrordesc_np(known);
    out.text(described != nullptr ? described : "error");
  }
  return out.finish();
}

void NinePRecordedService::queue(uint16_t tag, size_t request_bytes, std::vector<uint8_t> answer,
                                 Reply reply) {
  const Tick latency = config_.latency + config_.latency_per_byte * (request_bytes + answer.size());
  last_due_ = std::max(last_due_, saturating_add(clock_.now, latency));
  pending_bytes_ += answer.size();
  const auto event = events_.schedule(last_due_, "9p/recorded", [this] { answer_first(); });
  pending_.push_back({tag, std::move(answer), std::move(reply), event});
}

void NinePRecordedService::answer_first() {
  Pending first = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= first.answer.size();
  if (first.reply) first.reply(std::move(first.answer));
}

void NinePRecordedService::forget_all() {
  for (Pending& request : pending_) events_.cancel(request.event);
  pending_.clear();
  pending_bytes_ = 0;
  last_due_ = {};
}

// A disconnected transport has clunked all fids.
void NinePRecordedService::reset() {
  forget_all();
  open_.clear();
  paths_ = {};
  agreed_ = false;
  msize_ = std::max(config_.msize_max, kMsizeMin);
  history_hash_ = hash_mix(history_hash_, clock_.now.ps);
}

void NinePRecordedService::visit_state(StateVisitor& visitor) const {
  visitor.number("msize", msize_);
  visitor.number("agreed", agreed_);
  visitor.number("open", open_.size());
  visitor.number("pending", pending_.size());
  visitor.number("pending_bytes", pending_bytes_);
  visitor.number("last_due", last_due_.ps);
  visitor.number("history", hash_mix(history_hash_, recording_.history_hash()));
}

}  // namespace ringside
