#include "hv-model/xenstore/recorded_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "hv-model/xen_abi.h"
#include "hv-model/xenstore/server.h"
#include "sim/hash.h"

namespace ringside {

namespace {

using Words = std::vector<std::string>;

std::string canonical(DomainId domain, const std::string& path) {
  if (path.starts_with('/') || path.starts_with('@')) return path;
  return xenstore::home_of(domain.value) + "/" + path;
}

std::string_view name_of(uint32_t type) {
  switch (type) {
    case XS_CONTROL: return "CONTROL";
    case XS_DIRECTORY: return "DIRECTORY";
    case XS_READ: return "READ";
    case XS_GET_PERMS: return "GET_PERMS";
    case XS_WATCH: return "WATCH";
    case XS_UNWATCH: return "UNWATCH";
    case XS_TRANSACTION_START: return "TRANSACTION_START";
    case XS_TRANSACTION_END: return "TRANSACTION_END";
    case XS_GET_DOMAIN_PATH: return "GET_DOMAIN_PATH";
    case XS_WRITE: return "WRITE";
    case XS_MKDIR: return "MKDIR";
    case XS_RM: return "RM";
    case XS_SET_PERMS: return "SET_PERMS";
    case XS_IS_DOMAIN_INTRODUCED: return "IS_DOMAIN_INTRODUCED";
    case XS_RESET_WATCHES: return "RESET_WATCHES";
    case XS_DIRECTORY_PART: return "DIRECTORY_PART";
    default: return "request";
  }
}

// The strings of a body; a value behind the last NUL (of XS_WRITE) is one, too.
Words words_of(std::span<const uint8_t> body) {
  Words words;
  std::string word;
  for (const uint8_t byte : body) {
    if (byte != 0) {
      word += static_cast<char>(byte);
      continue;
    }
    words.push_back(std::move(word));
    word.clear();
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool changes(uint32_t type) {
  return type == XS_WRITE || type == XS_MKDIR || type == XS_RM || type == XS_SET_PERMS;
}

// What two requests have in common that ask the same: the operation and the path, without values and tokens.
std::string key_of(DomainId domain, uint32_t type, const Words& words) {
  std::string key = fmt::format("{} ", name_of(type));
  if (name_of(type) == "request") key += fmt::format("{} ", type);
  if (words.empty() || type == XS_TRANSACTION_START || type == XS_RESET_WATCHES) return key;
  if (type == XS_TRANSACTION_END) return key + words[0];
  key += canonical(domain, words[0]);
  // Where the part of a list begins.
  if (type == XS_DIRECTORY_PART && words.size() > 1) key += " " + words[1];
  return key;
}

std::string printable(const std::string& text) {
  std::string shown;
  for (const char c : text.substr(0, 300)) shown += c >= 0x20 && c < 0x7f ? c : '?';
  return shown;
}

bool is_at_or_below(const std::string& path, const std::string& top) {
  return path == top || (path.size() > top.size() && path.starts_with(top) && path[top.size()] == '/');
}

xsd_sockmsg header_of(std::span<const uint8_t> message) {
  xsd_sockmsg header{};
  std::memcpy(&header, message.data(), std::min(sizeof header, message.size()));
  return header;
}

}  // namespace

// --- Learning ---

void XenStoreRecording::learn(std::span<const uint8_t> message, bool out, Tick at) {
  if (message.size() < sizeof(xsd_sockmsg)) return;
  const xsd_sockmsg header = header_of(message);
  const auto body = message.subspan(sizeof header);
  const Words words = words_of(body);
  if (out) {
    ++requests_;
    const std::string key = key_of(domain_, header.type, words);
    last_request_ = {key, ++times_[key]};
    last_request_at_ = at;
    if (asked_.size() < 1000) asked_.push_back({header.req_id, key});
    if (header.type == XS_WATCH && words.size() > 1) {
      watches_[words[1]] = canonical(domain_, words[0]);
      told_[words[1]] = false;
    }
    return;
  }
  if (header.type == XS_WATCH_EVENT) {
    if (words.size() < 2 || !last_request_ || !watches_.contains(words[1])) return;
    const std::string& watched = watches_[words[1]];
    const bool initial = !std::exchange(told_[words[1]], true) && canonical(domain_, words[0]) == watched;
    behind_[*last_request_].push_back(static_cast<uint32_t>(events_.size()));
    events_.push_back({words[0], watched, at - last_request_at_, initial});
    return;
  }
  const auto asked = std::find_if(asked_.begin(), asked_.end(),
                                  [&](const Asked& one) { return one.request_id == header.req_id; });
  if (asked == asked_.end()) return;
  replies_[asked->key].learn({header.type, std::string(body.begin(), body.end())},
                             static_cast<uint32_t>(events_.size()));
  asked_.erase(asked);
}

// --- Answering ---

RecordedXenStore::RecordedXenStore(Hypervisor& hypervisor, XenStore& store, DomainId domain,
                                   std::string source, XenStoreRecording recording,
                                   UnansweredRequests& unanswered)
    : hypervisor_(hypervisor),
      store_(store),
      domain_(domain),
      source_(std::move(source)),
      recording_(std::move(recording)),
      unanswered_(unanswered),
      own_(store.connect(domain, [](std::vector<uint8_t>) {})),
      fired_(recording_.events_.size(), false) {}

RecordedXenStore::~RecordedXenStore() {
  for (auto& [event, handle] : pending_) hypervisor_.events.cancel(handle);
  store_.disconnect(own_);
}

void RecordedXenStore::reply(uint32_t type, std::string_view body) {
  xsd_sockmsg header = header_of(request_);
  header.type = type;
  header.len = static_cast<uint32_t>(body.size());
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  if (sink_) sink_(std::move(message));
}

void RecordedXenStore::reply_error(const std::string& error) {
  reply(XS_ERROR, std::string_view(error.c_str(), error.size() + 1));
}

void RecordedXenStore::cannot_answer(const std::string& request, const std::string& why) {
  unanswered_.add("xenstore", request, why);
  if (Domain* domain = hypervisor_.find_domain(domain_)) {
    domain->notices.emit(NoticeKind::unhandled, "xenstore",
                         fmt::format("{} cannot answer {}: {}; the guest gets EIO", source_, request, why));
  }
  reply_error("EIO");
}

// A value is what it was when nothing that the recording tells of has happened to it since.
RecordedChanges RecordedXenStore::between(const std::string& path, uint32_t from, uint32_t to) const {
  RecordedChanges found = RecordedChanges::none;
  for (uint32_t i = from; i < to && i < recording_.events_.size(); ++i) {
    const auto& event = recording_.events_[i];
    if (event.initial || !is_at_or_below(path, canonical(domain_, event.path))) continue;
    if (!fired_[i]) return RecordedChanges::missing;
    found = RecordedChanges::done;
  }
  return found;
}

void RecordedXenStore::answer(const std::string& key, const std::string& path) {
  const auto found = recording_.replies_.find(key);
  if (found == recording_.replies_.end()) return cannot_answer(printable(key), "nobody has asked this");
  const auto* recorded =
      found->second.ask([&](uint32_t from, uint32_t to) { return between(path, from, to); });
  if (recorded == nullptr) {
    return cannot_answer(printable(key), "it was asked only behind a watch event that has not come");
  }
  const uint32_t type = header_of(request_).type;
  const bool ok = recorded->type != XS_ERROR;
  if (ok && changes(type)) {
    wrote(words_of(std::span(request_).subspan(sizeof(xsd_sockmsg))));
    forward();
  }
  reply(recorded->type, recorded->body);
}

// Remembers what reads back.
void RecordedXenStore::wrote(const Words& words) {
  if (words.empty() || written_.size() >= kWrittenMax) return;
  const std::string path = canonical(domain_, words[0]);
  switch (header_of(request_).type) {
    case XS_WRITE: written_[path] = words.size() > 1 ? words[1] : ""; break;
    case XS_MKDIR: written_.try_emplace(path, ""); break;
    case XS_RM: written_[path] = std::nullopt; break;
    default: break;
  }
}

void RecordedXenStore::forward() {
  std::vector<uint8_t> request = request_;
  xsd_sockmsg header = header_of(request);
  header.tx_id = 0;
  std::memcpy(request.data(), &header, sizeof header);
  store_.handle(own_, request);
}

// What is the protocol's whoever answers.
void RecordedXenStore::answer_by_protocol(const Words& words) {
  const xsd_sockmsg header = header_of(request_);
  switch (header.type) {
    case XS_TRANSACTION_START: {
      if (transactions_.size() >= kTransactionsMax) return reply_error("ENOSPC");
      transactions_[++last_transaction_] = true;
      const std::string id = std::to_string(last_transaction_);
      return reply(header.type, std::string_view(id.c_str(), id.size() + 1));
    }
    case XS_UNWATCH: {
      const auto watch = words.empty() ? watches_.end() : watches_.find(canonical(domain_, words[0]));
      if (watch == watches_.end()) return reply_error("ENOENT");
      watches_.erase(watch);
      return reply(header.type, std::string_view("OK", 3));
    }
    default: watches_.clear(); return reply(header.type, std::string_view("OK", 3));
  }
}

void RecordedXenStore::handle(std::span<const uint8_t> request) {
  if (request.size() < sizeof(xsd_sockmsg)) return;
  history_hash_ = hash_mix(hash_mix(history_hash_, hash64(request)), hypervisor_.clock.now.ps);
  request_.assign(request.begin(), request.end());
  const xsd_sockmsg header = header_of(request_);
  const Words words = words_of(std::span(request_).subspan(sizeof header));
  const std::string key = key_of(domain_, header.type, words);
  const std::string path = words.empty() ? "" : canonical(domain_, words[0]);
  if (header.tx_id != 0 && !transactions_.contains(header.tx_id)) {
    reply_error("ENOENT");
  } else if (header.type == XS_TRANSACTION_START || header.type == XS_UNWATCH ||
             header.type == XS_RESET_WATCHES) {
    answer_by_protocol(words);
  } else if (header.type == XS_TRANSACTION_END) {
    transactions_.erase(header.tx_id);
    if (recording_.replies_.contains(key)) {
      answer(key, "");
    } else {
      reply(header.type, std::string_view("OK", 3));
    }
  } else if (const auto own = written_.find(path); header.type == XS_READ && own != written_.end()) {
    if (own->second) {
      reply(header.type, *own->second);
    } else {
      reply_error("ENOENT");
    }
  } else {
    if (header.type == XS_WATCH && words.size() > 1 && watches_.size() < kWatchesMax &&
        recording_.replies_.contains(key)) {
      watches_[path] = words[1];
    }
    answer(key, path);
  }
  start_events(key);
}

void RecordedXenStore::start_events(const std::string& key) {
  uint32_t& times = times_[key];
  if (times == 0 && times_.size() > kWrittenMax) return;
  const auto behind = recording_.behind_.find({key, ++times});
  if (behind == recording_.behind_.end()) return;
  for (const uint32_t event : behind->second) {
    const Tick at = saturating_add(hypervisor_.clock.now, recording_.events_[event].delay);
    pending_[event] = hypervisor_.events.schedule(at, "xenstore/recorded_event", [this, event] {
      pending_.erase(event);
      fire(event);
    });
  }
}

void RecordedXenStore::fire(uint32_t number) {
  const auto& event = recording_.events_[number];
  fired_[number] = true;
  if (!event.initial) written_.erase(canonical(domain_, event.path));
  const auto watch = watches_.find(event.watched);
  if (watch == watches_.end() || !sink_) return;
  const std::string body = event.path + '\0' + watch->second + '\0';
  xsd_sockmsg header{};
  header.type = XS_WATCH_EVENT;
  header.len = static_cast<uint32_t>(body.size());
  std::vector<uint8_t> message(sizeof header + body.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::memcpy(message.data() + sizeof header, body.data(), body.size());
  sink_(std::move(message));
}

void RecordedXenStore::visit_state(StateVisitor& visitor) const {
  uint64_t fired = 0;
  for (const bool one : fired_) fired = hash_mix(fired, one);
  visitor.number("history", history_hash_);
  visitor.number("fired", fired);
  visitor.number("pending", pending_.size());
  visitor.number("watches", watches_.size());
  visitor.number("transactions", transactions_.size());
}

}  // namespace ringside
