#include "viewer/story/store.h"

#include <charconv>

#include "viewer/story/record.h"
#include "viewer/story/story_wires.h"

namespace ringside::viewer {

namespace {
// Of a map's node with its StoreNode, about.
constexpr size_t kNodeBytes = sizeof(StoreNode) + 96;

bool lies_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}
}  // namespace

void StoreTrack::apply(const StoryParts& parts, Row row, uint32_t wire) {
  const auto message = store_message(parts.table.payload(row));
  if (!message || is_dropped(parts.table, row)) return;
  const Key key{wire, uint64_t{message->transaction} << 32 | message->request};
  if (parts.table.direction(row) == Direction::in) return take_answer(parts, row, wire, *message);
  if (pending_.size() >= kPendingMax && !pending_.contains(key)) return;
  Request& pending = pending_[key];
  bytes_ += message->body.size() - pending.body.size();
  pending = {message->type, std::string(message->body)};
}

void StoreTrack::take_answer(const StoryParts& parts, Row row, uint32_t wire, const StoreMessage& answer) {
  const WireRole& role = parts.wires.role(wire);
  const KnownDomain& domain = parts.wires.domains()[role.domain];
  if (answer.type == XS_WATCH_EVENT) return take_event(domain.name, domain.number, answer.body, row);
  const auto place = pending_.find({wire, uint64_t{answer.transaction} << 32 | answer.request});
  if (place == pending_.end()) return;
  const Request request = std::move(place->second);
  bytes_ -= request.body.size();
  pending_.erase(place);
  if (answer.type != request.type) {
    if (request.type == XS_TRANSACTION_END) end_transaction(wire, answer.transaction, false, row);
    return take_error(row, domain.number, request, answer.body);
  }
  std::string_view body = request.body;
  const auto next_path = [&] { return absolute_store_path(domain.number, next_text(body)); };
  switch (request.type) {
    case XS_READ: learn(wire, answer.transaction, next_path(), answer.body, row); break;
    case XS_DIRECTORY:
      if (answer.transaction == 0) list(next_path(), answer.body, true, row);
      break;
    case XS_DIRECTORY_PART: {
      // Behind the path the offset; before the names the directory's generation.
      std::string_view names = answer.body;
      (void)next_text(names);
      if (answer.transaction == 0) list(next_path(), names, false, row);
      break;
    }
    case XS_WRITE: {
      std::string path = next_path();
      change(wire, answer.transaction, {Change::Kind::write, std::move(path), std::string(body)}, row);
      break;
    }
    case XS_MKDIR: change(wire, answer.transaction, {Change::Kind::make, next_path(), {}}, row); break;
    case XS_RM: change(wire, answer.transaction, {Change::Kind::remove, next_path(), {}}, row); break;
    case XS_WATCH: watch(domain.name, request.body, row); break;
    case XS_UNWATCH: unwatch(domain.name, request.body); break;
    case XS_RESET_WATCHES:
      std::erase_if(shown_.watches, [&](const auto& watch) { return watch.domain == domain.name; });
      break;
    case XS_TRANSACTION_START: {
      std::string_view text = answer.body;
      text = next_text(text);
      uint32_t number = 0;
      (void)std::from_chars(text.data(), text.data() + text.size(), number);
      if (transactions_.size() < kPendingMax) transactions_.try_emplace({wire, number});
      break;
    }
    case XS_TRANSACTION_END: end_transaction(wire, answer.transaction, body.starts_with('T'), row); break;
    default: break;
  }
  shown_.transactions_open = static_cast<uint32_t>(transactions_.size());
}

// A node that is not there any more.
void StoreTrack::take_error(Row row, uint16_t domain, const Request& request, std::string_view error) {
  shown_.transactions_open = static_cast<uint32_t>(transactions_.size());
  if (request.type != XS_READ && request.type != XS_DIRECTORY) return;
  if (!error.starts_with("ENOENT")) return;
  std::string_view body = request.body;
  StoreNode* const node = find(absolute_store_path(domain, next_text(body)), false);
  if (node != nullptr && node != &shown_.root && !node->removed) remove(*node, row);
}

// The first event of a watch says that it is set, and not that anything has changed.
void StoreTrack::take_event(const std::string& domain, uint16_t number, std::string_view body, Row row) {
  const std::string_view path = next_text(body), token = next_text(body);
  bool first = false;
  for (StoreState::Watch& watch : shown_.watches) {
    if (watch.token != token || watch.domain != domain || !lies_below(path, watch.path)) continue;
    first = watch.fired == kNoRow;
    watch.fired = row;
    break;
  }
  StoreNode* const node = first ? nullptr : find(absolute_store_path(number, path), false);
  if (node != nullptr) node->changed = row;
}

void StoreTrack::change(uint32_t wire, uint32_t transaction, Change made, Row row) {
  if (transaction == 0) return apply(made, row);
  const auto place = transactions_.find({wire, transaction});
  if (place == transactions_.end() || changes_ >= kChangesMax) return;
  ++changes_;
  bytes_ += sizeof(Change) + made.path.size() + made.value.size();
  place->second.push_back(std::move(made));
}

void StoreTrack::end_transaction(uint32_t wire, uint32_t transaction, bool commit, Row row) {
  const auto place = transactions_.find({wire, transaction});
  if (place == transactions_.end()) return;
  for (const Change& made : place->second) {
    bytes_ -= sizeof(Change) + made.path.size() + made.value.size();
    if (commit) apply(made, row);
  }
  changes_ -= place->second.size();
  transactions_.erase(place);
}

void StoreTrack::apply(const Change& made, Row row) {
  StoreNode* const node = find(made.path, made.kind != Change::Kind::remove);
  if (node == nullptr || node == &shown_.root) return;
  if (made.kind == Change::Kind::remove) return remove(*node, row);
  node->changed = row;
  if (made.kind == Change::Kind::write) set_value(*node, made.value);
}

// What a read shows is new to us, and need not have changed just now. A transaction reads what it has written
// itself.
void StoreTrack::learn(uint32_t wire, uint32_t transaction, const std::string& path, std::string_view value,
                       Row row) {
  const auto place = transactions_.find({wire, transaction});
  if (place != transactions_.end() && !place->second.empty()) return;
  StoreNode* const node = find(path, true);
  if (node == nullptr) return;
  if (!node->value.empty() && node->value != value) node->changed = row;
  set_value(*node, value);
}

void StoreTrack::list(const std::string& path, std::string_view names, bool whole, Row row) {
  StoreNode* const node = find(path, true);
  if (node == nullptr) return;
  std::map<std::string_view, bool> listed;
  while (!names.empty()) {
    const std::string_view name = next_text(names);
    if (name.empty()) continue;
    listed.emplace(name, true);
    if (StoreNode* const added = child(*node, name)) added->removed = false;
  }
  if (!whole) return;
  for (auto known = node->children.begin(); known != node->children.end();) {
    if (listed.contains(known->first)) {
      ++known;
    } else if (known->second.removed) {
      known = forget(*node, known);
    } else {
      remove(known->second, row);
      ++known;
    }
  }
}

void StoreTrack::watch(const std::string& domain, std::string_view body, Row row) {
  const std::string_view path = next_text(body), token = next_text(body);
  if (shown_.watches.size() >= kWatchesMax) return;
  shown_.watches.push_back({domain, std::string(path), std::string(token), row, kNoRow});
}

void StoreTrack::unwatch(const std::string& domain, std::string_view body) {
  const std::string_view path = next_text(body), token = next_text(body);
  std::erase_if(shown_.watches, [&](const StoreState::Watch& watch) {
    return watch.domain == domain && watch.path == path && watch.token == token;
  });
}

// Null where it is not there, or one too many.
StoreNode* StoreTrack::find(std::string_view path, bool make) {
  if (!path.starts_with('/')) return nullptr;
  StoreNode* node = &shown_.root;
  size_t depth = 0;
  for (path.remove_prefix(1); !path.empty() && node != nullptr;) {
    const size_t slash = path.find('/');
    const std::string_view name = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (name.empty() || ++depth > kDepthMax) return nullptr;
    if (make) {
      node = child(*node, name);
      if (node != nullptr) node->removed = false;
    } else {
      const auto known = node->children.find(std::string(name));
      node = known == node->children.end() ? nullptr : &known->second;
    }
  }
  return node;
}

StoreNode* StoreTrack::child(StoreNode& node, std::string_view name) {
  const auto known = node.children.find(std::string(name));
  if (known != node.children.end()) return &known->second;
  if (nodes_ >= kNodesMax) return nullptr;
  ++nodes_;
  bytes_ += kNodeBytes + 2 * name.size();
  StoreNode& added = node.children[std::string(name)];
  added.name = name;
  return &added;
}

void StoreTrack::set_value(StoreNode& node, std::string_view value) {
  bytes_ += value.size() - node.value.size();
  node.value = value;
}

// With all below it. What had been removed before is forgotten: a removed node is kept to be shown, and not
// for ever.
void StoreTrack::remove(StoreNode& node, Row row) {
  node.removed = true;
  node.changed = row;
  set_value(node, {});
  for (auto below = node.children.begin(); below != node.children.end();) {
    if (below->second.removed) {
      below = forget(node, below);
    } else {
      remove(below->second, row);
      ++below;
    }
  }
}

StoreTrack::Place StoreTrack::forget(StoreNode& parent, Place node) {
  std::map<std::string, StoreNode>& children = node->second.children;
  for (auto below = children.begin(); below != children.end();) below = forget(node->second, below);
  --nodes_;
  bytes_ -= kNodeBytes + 2 * node->first.size() + node->second.value.size();
  return parent.children.erase(node);
}

}  // namespace ringside::viewer
