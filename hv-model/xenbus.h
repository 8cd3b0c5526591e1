// XenBus (public/io/xenbus.h): how a frontend and a backend find each other. Each has a folder in XenStore
// with a `state` node; each watches the other's. This is the part that is alike for all backends, with the
// behaviour of Linux's drivers/xen/xenbus/xenbus_client.c.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "hv-model/xenstore/client.h"
#include "sim/state.h"
#include "sim/wire.h"

namespace ringside {

// The values are those of enum xenbus_state.
enum class XenbusState : uint8_t {
  unknown = 0,
  initialising = 1,
  init_wait = 2,
  initialised = 3,
  connected = 4,
  closing = 5,
  closed = 6,
  reconfiguring = 7,
  reconfigured = 8,
};
std::string_view to_string(XenbusState state);

// The state that a node's value stands for; unknown for anything that is no state.
XenbusState parse_xenbus_state(std::string_view value);

// One end of a device. A backend derives from it (or holds one), writes its nodes, calls watch_other_end()
// and reacts to other_end_changed().
class XenbusDevice : public Stateful {
 public:
  // Absolute paths: "/local/domain/0/backend/vbd/1/51712" and "/local/domain/1/device/vbd/51712".
  // `store` outlives the device.
  XenbusDevice(XenStoreClient& store, std::string own_path, std::string other_path);
  // Drops the watch.
  ~XenbusDevice() override;
  XenbusDevice(const XenbusDevice&) = delete;
  XenbusDevice& operator=(const XenbusDevice&) = delete;

  const std::string& own_path() const { return own_path_; }
  const std::string& other_path() const { return other_path_; }
  XenbusState state() const { return state_; }
  // As last seen by the watch.
  XenbusState other_state() const { return other_state_; }

  // Where the states of both ends are shown from now on: a kXenbusStatePayload wire. The other end's is shown
  // before other_end_changed(), so that a fault may strike between.
  void show_states_on(Wire& wire) { wire_ = &wire; }
  // Writes `state`, unless it is that already.
  void switch_state(XenbusState state);
  // As xenbus_dev_fatal: writes "<errno> <text>" to error/<own path>/error, then goes to closing. `error` is
  // positive (XEN_ENOENT).
  void fail(int64_t error, std::string_view text);
  // Starts to watch the other end's state. It fires once soon, with what the state is then.
  void watch_other_end();

  // Values of the two folders.
  tl::expected<std::string, std::string> read_own(std::string_view name);
  tl::expected<std::string, std::string> read_other(std::string_view name);
  void write_own(std::string_view name, const std::string& value);

  void visit_state(StateVisitor& visitor) const override;

 protected:
  // From the event queue, for each change of the other end's state (and never twice in a row for the same).
  virtual void other_end_changed(XenbusState state) = 0;

  XenStoreClient& store() { return store_; }

 private:
  void other_state_written();
  void show_state(Direction direction, bool backend, XenbusState state);

  XenStoreClient& store_;
  const std::string own_path_, other_path_;
  XenbusState state_ = XenbusState::unknown;
  XenbusState other_state_ = XenbusState::unknown;
  Wire* wire_ = nullptr;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for what the event queue holds
  bool watching_ = false;
  bool other_seen_ = false;
};

}  // namespace ringside
