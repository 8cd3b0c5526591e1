#include "checkers/xen/xenbus_checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "checkers/xen_checkers.h"
#include "hv-model/xenstore/xenstore.h"

namespace ringside {

namespace {

constexpr uint16_t to(std::initializer_list<unsigned> states) {
  uint16_t bits = 0;
  for (const unsigned state : states) bits = static_cast<uint16_t>(bits | 1u << state);
  return bits;
}

using Walk = std::array<uint16_t, 9>;  // from each state, those that may follow

// A frontend begins anew by Initialising, and only when it has closed.
constexpr Walk kFrontend{
    0xffff,
    to({kInitWait, kInitialised, kConnected, kClosing, kClosed}),
    to({kInitialised, kConnected, kClosing, kClosed}),
    to({kConnected, kClosing, kClosed}),
    to({kClosing, kClosed, kReconfiguring, kReconfigured}),
    to({kClosed}),
    to({kInitialising, kInitWait}),
    to({kConnected, kClosing, kClosed, kReconfigured}),
    to({kConnected, kClosing, kClosed}),
};
// The toolstack may ask any backend to close. One that has closed follows its frontend from where that is.
constexpr Walk kBackend{
    0xffff,
    to({kInitWait, kInitialised, kConnected, kClosing, kClosed}),
    to({kInitialised, kConnected, kClosing, kClosed}),
    to({kConnected, kClosing, kClosed}),
    to({kClosing, kClosed, kReconfiguring, kReconfigured}),
    to({kClosed}),
    to({kInitialising, kInitWait, kInitialised, kConnected}),
    to({kConnected, kClosing, kClosed, kReconfigured}),
    to({kConnected, kClosing, kClosed}),
};

// How many rings a frontend has to offer.
size_t rings_expected(const XenStore& store, const DeviceNode& node) {
  const std::string folder(node.folder);
  const auto queues = [&] { return number_node(store, folder + "/multi-queue-num-queues").value_or(1); };
  switch (node.kind) {
    case DeviceKind::vbd: return queues();
    case DeviceKind::vif: return 2 * queues();
    case DeviceKind::p9: return std::max<uint64_t>(1, number_node(store, folder + "/num-rings").value_or(0));
    case DeviceKind::console: return 1;
    case DeviceKind::other: break;
  }
  return 0;
}

}  // namespace

KnownChecker xenbus_checker() {
  return {"xenbus", "XenBus: the states of both ends of a device, and what they say of it",
          [](Checkers& checkers) -> std::unique_ptr<Checker> {
            return std::make_unique<XenbusChecker>(checkers);
          },
          XenbusChecker::rules};
}

std::vector<CheckerRule> XenbusChecker::rules() {
  return {
      {"bad_state", "a state node holds what is no state"},
      {"transition", "an end goes to a state that cannot follow the one it is in"},
      {"reconnect_unclosed", "a frontend connects anew without having closed"},
      {"keys_missing", "an end says that it is ready before it has said what the other end needs"},
      {"nodes_left", "one end's nodes are left where the other's have gone"},
  };
}

void XenbusChecker::report(std::string_view rule, const DeviceNode& node, std::string text) {
  const Wiring& wiring = machine().wiring;
  const Wire* wire = wiring.find(fmt::format("dom{}/xenstore", node.domain.value));
  if (wire == nullptr) wire = wiring.find(fmt::format("dom{}/hypercall", node.domain.value));
  if (wire != nullptr) violate(rule, *wire, nullptr, std::move(text));
}

void XenbusChecker::on_store_change(const std::string& path) {
  if (!path.ends_with("/state")) return;
  const auto node = device_node(path);
  if (!node || node->kind == DeviceKind::other || node->name != "state") return;
  const auto state = xenbus_state(*machine().xenstore, node->folder);
  unsigned& seen = states_[std::string(node->folder)];
  if (!state)
    return report("bad_state", *node,
                  fmt::format("{} is '{}'", path, machine().xenstore->peek(path).value_or("").substr(0, 40)));
  const unsigned before = std::exchange(seen, *state);
  if (before == *state) return;
  if (*state == 0) return on_gone(*node, before);
  const DeviceFolders folders = device_folders(*node);
  std::erase(orphans_, folders.frontend);
  std::erase(orphans_, folders.backend);
  const Walk& walk = node->backend ? kBackend : kFrontend;
  // xenbus_dev_fatal says Closing whatever was before; a frontend whose backend is gone may have nothing
  // better.
  const bool alone = !node->backend && *state == kClosing && states_[folders.backend] == 0;
  if ((walk[before] >> *state & 1) == 0 && !alone) {
    const bool anew = !node->backend && (before == kInitialised || before == kConnected) && *state < kClosing;
    report(anew ? "reconnect_unclosed" : "transition", *node,
           fmt::format("{} goes from {} to {}", node->folder, xenbus_state_name(before),
                       xenbus_state_name(*state)));
  }
  const bool was_ready = before == kInitialised || before == kConnected;
  if (!node->backend && !was_ready && (*state == kInitialised || *state == kConnected))
    on_frontend_ready(*node, *state);
  if (node->backend && *state == kConnected) on_backend_connected(*node);
}

void XenbusChecker::on_frontend_ready(const DeviceNode& node, unsigned state) {
  const size_t expected = rings_expected(*machine().xenstore, node),
               offered = offered_rings(*machine().xenstore, node).size();
  if (offered >= expected) return;
  report("keys_missing", node,
         fmt::format(
             "{} says {}, and has told {} of its {} rings: a ring is its pages' grants and an event channel",
             node.folder, xenbus_state_name(state), offered, expected));
}

void XenbusChecker::on_backend_connected(const DeviceNode& node) {
  if (node.kind != DeviceKind::vbd) return;
  for (const char* name : {"sectors", "sector-size", "info"}) {
    if (number_node(*machine().xenstore, fmt::format("{}/{}", node.folder, name))) continue;
    report("keys_missing", node, fmt::format("{} says Connected, and has not told '{}'", node.folder, name));
  }
}

// An end that goes while the other has closed should take the other's nodes with it. A backend that goes in
// another state has died with its domain, and what a toolstack does then leaves the frontend's nodes alone.
void XenbusChecker::on_gone(const DeviceNode& node, unsigned before) {
  const DeviceFolders folders = device_folders(node);
  const std::string& other = node.backend ? folders.frontend : folders.backend;
  std::erase(orphans_, node.folder);
  if (node.backend && before != kClosed) return;
  const auto state = states_.find(other);
  if (state != states_.end() && state->second == kClosed) orphans_.push_back(other);
}

void XenbusChecker::on_end(bool orderly) {
  if (!orderly) return;
  for (const std::string& folder : orphans_) {
    if (machine().xenstore->peek(folder + "/state"))
      report("nodes_left", *device_node(folder + "/state"), fmt::format("{} is left", folder));
  }
}

}  // namespace ringside
