// The backend of network interfaces (public/io/netif.h), in behaviour Linux's xen-netback: the toolstack's
// nodes, the walk of XenBus states, and behind them an interface on a port of a switch. Crossings:
//
//   "<domain>/ring/<vif>/tx/request|extra|response|indices"   the guest's frames, and ".../rx/..." those for
//                                                             it ("queue-1/tx/..." where there are several)
//   "<domain>/ring/<vif>/ctrl/request|response"               the control ring
//   "<domain>/eth/<vif>/tx|rx"                                the frames themselves
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "host/network/network.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"

namespace ringside {

struct NetBackendConfig {
  std::string name = "vif0";  // of the wires
  uint32_t handle = 0;        // the number of the device
  MacAddress mac = {0x00, 0x16, 0x3e, 0x00, 0x00, 0x01};
  std::string bridge = "xenbr0";
  uint32_t mtu = 1500;
  uint32_t queues_max = 8;  // multi-queue-max-queues: xen-netback's, on a host with as many CPUs
  // What the backend offers.
  bool gso = true, split_event_channels = true, multicast_control = true, control_ring = true;
  // The guest may send so many bytes in each interval; an interval of 0: any number (libxl's `rate`).
  uint64_t rate_bytes = 0;
  uint32_t rate_interval_usec = 0;
  // Frames that are lost between the interface and the switch, each way, of a million, by the seed.
  uint32_t loss_ppm = 0;
  uint64_t seed = 1;
};

class BackendDeath;  // hv-model/backends/backend_death.h
class NetDevice;
struct DevicePaths;

class NetBackend : public Stateful {
 public:
  // All outlive it. Until attach() there is no device.
  NetBackend(Hypervisor& hypervisor, XenStoreClient& store, Domain& frontend, SwitchPort& port,
             const NetBackendConfig& config);
  ~NetBackend() override;

  bool attached() const;
  // What libxl does for a domain that it makes: writes both ends' nodes; the hotplug script has run.
  void attach();
  // `xl network-attach`: the same while the domain runs, so that the script takes its time.
  void attach_running();
  // `xl network-detach`: asks the frontend to close. Its nodes go when it has; a frontend that does not
  // within 10 s keeps its device, and a notice says so. Forced: they go at once.
  void detach(bool forced);
  // The fault `crash` (hv-model/backends/backend_death.h), from the event queue. Of one that is not attached,
  // or dead already, nothing more can die.
  void crash(Tick back_after);

  void visit_state(StateVisitor& visitor) const override;

 private:
  void create(bool script_has_run);
  void make_device(const DevicePaths& paths, bool script_has_run);
  void forget();
  void forget_later();

  Hypervisor& hypervisor_;
  XenStoreClient& store_;
  Domain& frontend_;
  SwitchPort& port_;
  const NetBackendConfig config_;
  std::unique_ptr<NetDevice> device_;    // null: not attached, or dead
  std::unique_ptr<BackendDeath> death_;  // until a new backend takes the place
  EventQueue::Handle script_, removal_, detach_limit_;
};

}  // namespace ringside
