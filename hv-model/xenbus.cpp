#include "hv-model/xenbus.h"

#include <fmt/format.h>
#include <array>

#include "hv-model/payloads.h"
#include "sim/assert.h"

namespace ringside {

namespace {
constexpr std::array<std::string_view, 9> kStateNames = {"Unknown",     "Initialising",  "InitWait",
                                                         "Initialised", "Connected",     "Closing",
                                                         "Closed",      "Reconfiguring", "Reconfigured"};
constexpr std::string_view kBackendHome = "/local/domain/0/";
constexpr const char* kWatchToken = "otherend";
}  // namespace

std::string_view to_string(XenbusState state) {
  const auto index = static_cast<size_t>(state);
  return index < kStateNames.size() ? kStateNames[index] : "invalid";
}

XenbusState parse_xenbus_state(std::string_view value) {
  if (value.size() != 1 || value[0] < '0' || value[0] > '8') return XenbusState::unknown;
  return static_cast<XenbusState>(value[0] - '0');
}

XenbusDevice::XenbusDevice(XenStoreClient& store, std::string own_path, std::string other_path)
    : store_(store), own_path_(std::move(own_path)), other_path_(std::move(other_path)) {
  SIM_ASSERT(!own_path_.empty() && own_path_[0] == '/' && !other_path_.empty() && other_path_[0] == '/');
  if (const auto value = read_own("state")) state_ = parse_xenbus_state(*value);
}

XenbusDevice::~XenbusDevice() {
  if (watching_) (void)store_.unwatch(other_path_ + "/state", kWatchToken);
}

void XenbusDevice::switch_state(XenbusState state) {
  if (state == state_) return;
  state_ = state;
  write_own("state", fmt::format("{}", static_cast<unsigned>(state)));
  if (wire_ == nullptr) return;
  // Not while the machine is built, when there are no faults yet.
  store_.soon("xenbus/own_state", [this, state, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) show_state(Direction::in, true, state);
  });
}

void XenbusDevice::show_state(Direction direction, bool backend, XenbusState state) {
  if (!wire_->tapped()) return;
  const auto number = static_cast<uint8_t>(state);
  (void)wire_->show(direction, XenbusStateRecord{static_cast<uint8_t>(backend ? number | 0x10 : number),
                                                 static_cast<uint8_t>(backend), number, 0});
}

void XenbusDevice::fail(int64_t error, std::string_view text) {
  std::string_view place = own_path_;
  // Linux's nodename is relative to the domain's home, and so is the error folder.
  if (place.starts_with(kBackendHome)) place.remove_prefix(kBackendHome.size());
  while (place.starts_with('/')) place.remove_prefix(1);
  (void)store_.write(fmt::format("error/{}/error", place), fmt::format("{} {}", error, text));
  switch_state(XenbusState::closing);
}

void XenbusDevice::watch_other_end() {
  if (watching_) return;
  const auto outcome = store_.watch(other_path_ + "/state", kWatchToken,
                                    [this](const std::string&) { other_state_written(); });
  SIM_ASSERT(outcome.has_value());
  watching_ = true;
}

void XenbusDevice::other_state_written() {
  const auto value = read_other("state");
  const XenbusState seen = value ? parse_xenbus_state(*value) : XenbusState::unknown;
  if (other_seen_ && seen == other_state_) return;
  other_seen_ = true;
  other_state_ = seen;
  if (wire_ == nullptr) return other_end_changed(seen);
  show_state(Direction::out, false, seen);
  store_.soon("xenbus/other_end", [this, seen, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired()) other_end_changed(seen);
  });
}

tl::expected<std::string, std::string> XenbusDevice::read_own(std::string_view name) {
  return store_.read(fmt::format("{}/{}", own_path_, name));
}

tl::expected<std::string, std::string> XenbusDevice::read_other(std::string_view name) {
  return store_.read(fmt::format("{}/{}", other_path_, name));
}

void XenbusDevice::write_own(std::string_view name, const std::string& value) {
  (void)store_.write(fmt::format("{}/{}", own_path_, name), value);
}

void XenbusDevice::visit_state(StateVisitor& visitor) const {
  visitor.number("xenbus_state", static_cast<uint64_t>(state_));
  visitor.number("xenbus_other_state", static_cast<uint64_t>(other_state_));
}

}  // namespace ringside
