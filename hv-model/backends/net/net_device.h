// The backend's end of a device, while the toolstack has its nodes in XenStore: what it offers, the walk of
// XenBus states, what it reads of the frontend's when that connects.
//
// After drivers/net/xen-netback/xenbus.c of Linux 6.1.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "hv-model/backends/device_nodes.h"
#include "hv-model/backends/net/net_interface.h"
#include "hv-model/xenbus.h"

namespace ringside {

class NetDevice final : public XenbusDevice {
 public:
  // netback_probe: announces its features. `on_removed`: the frontend has closed a device that is not to stay
  // online. It must not destroy the device at once.
  NetDevice(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, SwitchPort& port,
            const NetBackendConfig& config, DevicePaths paths, std::function<void()> on_removed);
  ~NetDevice() override;

  const DevicePaths& paths() const { return paths_; }
  NetInterface& interface() { return interface_; }
  // Only the toolstack can bring it back.
  bool removed() const { return removed_; }
  // netback_remove.
  void remove();

  void visit_state(StateVisitor& visitor) const override;

 private:
  void other_end_changed(XenbusState seen) override;
  bool is_online();
  void announce();
  void set_backend_state(XenbusState wanted);
  void backend_switch_state(XenbusState state);
  void connect();
  bool connect_control();
  bool connect_queues(uint32_t count);
  bool connect_queue(const std::string& folder, bool several);
  void read_features();
  bool frontend_flag(std::string_view name);
  void read_rate();
  void disconnect();
  void watch_nodes();
  void unwatch_nodes();
  void watch_hotplug();
  void unwatch_hotplug();

  const NetBackendConfig config_;
  const DevicePaths paths_;
  const std::function<void()> on_removed_;
  NetInterface interface_;
  // What the backend is in; the node lags behind it while the hotplug script runs.
  XenbusState backend_state_ = XenbusState::initialising;
  bool watching_nodes_ = false, watching_hotplug_ = false;
  bool failed_ = false;  // connecting has failed: there is an error in XenStore
  bool removed_ = false;
};

}  // namespace ringside
