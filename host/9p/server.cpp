// The conversation's queue: what arrives, when it is carried out, what is answered. The handlers are in
// server_*.cpp.
#include "host/9p/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "host/9p/server_errors.h"
#include "sim/hash.h"

namespace ringside {

namespace {

uint8_t type_of(const std::vector<uint8_t>& message) { return message[4]; }
uint16_t tag_of(const std::vector<uint8_t>& message) {
  return static_cast<uint16_t>(message[5] | message[6] << 8);
}

uint32_t load_u32(const std::vector<uint8_t>& message, size_t at) {
  return message[at] | uint32_t{message[at + 1]} << 8 | uint32_t{message[at + 2]} << 16 |
         uint32_t{message[at + 3]} << 24;
}

std::string name_of(uint8_t type) {
  const NinePMessageType* row = ninep_message_type(type);
  return row != nullptr ? std::string(row->name) : fmt::format("type {}", type);
}

}  // namespace

NinePServer::NinePServer(const NinePServerConfig& config, FileTree& tree, const Clock& clock,
                         EventQueue& events)
    : config_(config),
      tree_(tree),
      clock_(clock),
      events_(events),
      conversation_(tree.add_conversation()),
      msize_(std::max(config.msize_max, kMsizeMin)) {}

NinePServer::~NinePServer() { abort_all(); }

// Whether the message can be looked at: its size, and room for it.
NinePError NinePServer::admit(const std::vector<uint8_t>& message) {
  const uint8_t type = type_of(message);
  const uint16_t tag = tag_of(message);
  if (load_u32(message, 0) != message.size()) {
    complain(NoticeKind::unusual, fmt::format("{} tag {}: its size says {}, it has {} bytes", name_of(type),
                                              tag, load_u32(message, 0), message.size()));
    return kProtocolBotch;
  }
  if (message.size() > msize_) {
    complain(NoticeKind::unusual, fmt::format("{} tag {}: {} bytes are more than the msize of {}",
                                              name_of(type), tag, message.size(), msize_));
    return {EMSGSIZE};
  }
  if (type == ninep::Tversion) return {};
  if (tag == ninep::notag) {
    complain(NoticeKind::unusual, fmt::format("{} with NOTAG, which is Tversion's", name_of(type)));
    return kProtocolBotch;
  }
  if (tags_[tag]) {
    complain(NoticeKind::unusual, fmt::format("{} with tag {}, which is in use", name_of(type), tag));
    return {EPROTO, "duplicate tag"};
  }
  if (in_flight() >= config_.requests_max || pending_bytes_ + message.size() > config_.request_bytes_max) {
    complain(NoticeKind::unusual, fmt::format("{} tag {}: {} requests ({} bytes) are in flight",
                                              name_of(type), tag, in_flight(), pending_bytes_));
    return {EAGAIN, "too many requests in flight"};
  }
  return {};
}

void NinePServer::receive(std::vector<uint8_t> message, Reply reply) {
  received_hash_ =
      hash_mix(hash_mix(received_hash_, hash64(std::span<const uint8_t>(message))), clock_.now.ps);
  // Nothing to answer with: the transport's mistake, or a client that goes on where each answer is a refusal.
  if (message.size() < ninep::header_bytes || in_flight() >= 2 * uint64_t{config_.requests_max}) {
    return complain(NoticeKind::unusual,
                    fmt::format("a message of {} bytes is dropped; {} requests are in flight", message.size(),
                                in_flight()));
  }
  Pending request{.message = std::move(message), .reply = std::move(reply)};
  const uint8_t type = type_of(request.message);
  request.refused = admit(request.message);
  if (request.refused) {
    request.message.resize(ninep::header_bytes);
    request.message.shrink_to_fit();
  } else if (type == ninep::Tversion) {
    if (tag_of(request.message) != ninep::notag) {
      complain(NoticeKind::unusual, fmt::format("Tversion with tag {}, not NOTAG", tag_of(request.message)));
    }
    if (renews_session(request.message)) abort_all();
  } else {
    request.owns_tag = true;
    tags_.set(tag_of(request.message));
  }
  if (type == ninep::Tflush && !request.refused) return receive_flush(std::move(request));
  queue(std::move(request));
}

void NinePServer::receive_flush(Pending request) {
  const NinePValues in = ninep_values(ninep_message_type(ninep::Tflush)->fields, NinePDialect::base,
                                      request.message, ninep::header_bytes);
  if (!in.problem.empty()) {
    complain_of(request.message, in);
    request.refused = kProtocolBotch;
    return queue(std::move(request));
  }
  flush(static_cast<uint16_t>(in.u32(0)));
  request.event = events_.schedule(saturating_add(clock_.now, latency_of(request.message)), "9p/flush",
                                   [this] { serve_first_flush(); });
  flushes_.push_back(std::move(request));
}

void NinePServer::complain_of(const std::vector<uint8_t>& message, const NinePValues& values) const {
  complain(NoticeKind::unusual, fmt::format("{} tag {}, {} bytes: {}{}{}", name_of(type_of(message)),
                                            tag_of(message), message.size(), values.problem_field,
                                            values.problem_field.empty() ? "" : " ", values.problem));
}

// A Tversion that will succeed aborts everything (version(5)); one that fails leaves the session alone.
bool NinePServer::renews_session(const std::vector<uint8_t>& message) const {
  const NinePValues in = ninep_values(ninep_message_type(ninep::Tversion)->fields, NinePDialect::base,
                                      message, ninep::header_bytes);
  return in.problem.empty() && in.u32(0) >= kMsizeMin && ninep_dialect(in.text(1)).has_value();
}

Tick NinePServer::latency_of(const std::vector<uint8_t>& message) const {
  uint64_t bytes = message.size();
  const uint8_t type = type_of(message);
  // The count of both stands behind fid[4] offset[8].
  constexpr size_t count_at = ninep::header_bytes + 12;
  if ((type == ninep::Tread || type == ninep::Treaddir) && message.size() >= count_at + 4) {
    bytes += std::min(load_u32(message, count_at), msize_);
  }
  return config_.latency + config_.latency_per_byte * bytes;
}

void NinePServer::queue(Pending request) {
  last_due_ = std::max(last_due_, saturating_add(clock_.now, latency_of(request.message)));
  pending_bytes_ += request.message.size();
  request.event = events_.schedule(last_due_, "9p/request", [this] { serve_first(); });
  pending_.push_back(std::move(request));
}

// flush(5). What is not in flight has been answered already, or never was: its Tflush is answered all the
// same. So is a Tflush that is flushed, and in its turn.
void NinePServer::flush(uint16_t old_tag) {
  const auto place = std::find_if(pending_.begin(), pending_.end(), [old_tag](const Pending& request) {
    return request.owns_tag && tag_of(request.message) == old_tag;
  });
  if (place == pending_.end()) return;
  events_.cancel(place->event);
  pending_bytes_ -= place->message.size();
  tags_.reset(old_tag);
  pending_.erase(place);
}

void NinePServer::serve_first() {
  const Pending request = std::move(pending_.front());
  pending_.pop_front();
  pending_bytes_ -= request.message.size();
  if (request.owns_tag) tags_.reset(tag_of(request.message));
  std::vector<uint8_t> answer = serve(request);
  if (request.reply) request.reply(std::move(answer));
}

void NinePServer::serve_first_flush() {
  const Pending request = std::move(flushes_.front());
  flushes_.pop_front();
  const uint16_t tag = tag_of(request.message);
  tags_.reset(tag);
  NinePWriter out(ninep::Rflush, tag);
  if (request.reply) request.reply(out.finish());
}

NinePServer::Handler NinePServer::handler_of(uint8_t type) {
  static constexpr auto kHandlers = [] {
    using S = NinePServer;
    std::array<Handler, 256> all{};
    all[ninep::Tversion] = &S::version;
    all[ninep::Tauth] = &S::auth;
    all[ninep::Tattach] = &S::attach;
    all[ninep::Twalk] = &S::walk;
    all[ninep::Tclunk] = &S::clunk;
    all[ninep::Tremove] = &S::remove;
    all[ninep::Topen] = &S::open;
    all[ninep::Tcreate] = &S::create;
    all[ninep::Tread] = &S::read;
    all[ninep::Twrite] = &S::write;
    all[ninep::Tstat] = &S::stat;
    all[ninep::Twstat] = &S::wstat;
    all[ninep::Tstatfs] = &S::statfs;
    all[ninep::Tlopen] = &S::lopen;
    all[ninep::Tlcreate] = &S::lcreate;
    all[ninep::Tsymlink] = &S::symlink;
    all[ninep::Tmknod] = &S::mknod;
    all[ninep::Trename] = &S::rename;
    all[ninep::Treadlink] = &S::readlink;
    all[ninep::Tgetattr] = &S::getattr;
    all[ninep::Tsetattr] = &S::setattr;
    all[ninep::Txattrwalk] = &S::xattrwalk;
    all[ninep::Txattrcreate] = &S::xattrcreate;
    all[ninep::Treaddir] = &S::readdir;
    all[ninep::Tfsync] = &S::fsync;
    all[ninep::Tlock] = &S::lock;
    all[ninep::Tgetlock] = &S::getlock;
    all[ninep::Tlink] = &S::link;
    all[ninep::Tmkdir] = &S::mkdir;
    all[ninep::Trenameat] = &S::renameat;
    all[ninep::Tunlinkat] = &S::unlinkat;
    return all;
  }();
  return kHandlers[type];
}

NinePError NinePServer::dispatch(const std::vector<uint8_t>& message, NinePWriter& out) {
  const uint8_t type = type_of(message);
  const NinePMessageType* row = ninep_message_type(type);
  const Handler handler = handler_of(type);
  if (type != ninep::Tversion) {
    if (!dialect_) {
      complain(NoticeKind::unusual, fmt::format("{} before Tversion", name_of(type)));
      return {EPROTO, "no version was negotiated"};
    }
    if (handler == nullptr || !(*dialect_ == NinePDialect::dotl ? row->in_dotl : row->in_base)) {
      complain(NoticeKind::unhandled, fmt::format("{} in {}", name_of(type),
                                                  *dialect_ == NinePDialect::dotl ? "9P2000.L" : "9P2000"));
      return {EOPNOTSUPP};
    }
  }
  const NinePValues in =
      ninep_values(row->fields, dialect_.value_or(NinePDialect::base), message, ninep::header_bytes);
  if (!in.problem.empty()) {
    complain_of(message, in);
    return kProtocolBotch;
  }
  const NinePError error = (this->*handler)(in, out);
  if (error.number == EBADF && hears_complaints()) {
    complain(NoticeKind::unusual,
             fmt::format("{} tag {}: {} (fid {})", row->name, tag_of(message), error.text, in.u32(0)));
  }
  return error;
}

std::vector<uint8_t> NinePServer::serve(const Pending& request) {
  NinePWriter out(static_cast<uint8_t>(type_of(request.message) + 1), tag_of(request.message));
  NinePError error = request.refused ? request.refused : dispatch(request.message, out);
  if (!error && out.size() > msize_) error = {EMSGSIZE};
  if (error) write_error(out, dialect_.value_or(NinePDialect::base), error);
  return out.finish();
}

void NinePServer::write_error(NinePWriter& out, NinePDialect dialect, const NinePError& error) const {
  if (dialect == NinePDialect::dotl) {
    out.restart(ninep::Rlerror);
    out.u32(static_cast<uint32_t>(error.number));
    return;
  }
  out.restart(ninep::Rerror);
  const char* known = strerrordesc_np(error.number);
  out.text(!error.text.empty() ? error.text : known != nullptr ? known : "error");
}

void NinePServer::abort_all() {
  for (std::deque<Pending>* requests : {&pending_, &flushes_}) {
    for (Pending& request : *requests) events_.cancel(request.event);
    requests->clear();
  }
  tags_.reset();
  pending_bytes_ = 0;
  last_due_ = {};
  clunk_all();
  dialect_.reset();
}

void NinePServer::reset() {
  abort_all();
  msize_ = std::max(config_.msize_max, kMsizeMin);
  received_hash_ = hash_mix(received_hash_, clock_.now.ps);
}

void NinePServer::visit_state(StateVisitor& visitor) const {
  visitor.number("dialect", dialect_ ? 1 + static_cast<uint64_t>(*dialect_) : 0);
  visitor.number("msize", msize_);
  visitor.number("fids", fids_.size());
  visitor.number("pending", pending_.size());
  visitor.number("flushes", flushes_.size());
  visitor.number("pending_bytes", pending_bytes_);
  visitor.number("value_bytes", value_bytes_);
  visitor.number("last_due", last_due_.ps);
  visitor.number("received_hash", received_hash_);
}

}  // namespace ringside
