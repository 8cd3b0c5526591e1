// What xl's detaching of a device does after it has asked (libxl__initiate_device_generic_remove): waits for
// the backend's Closed, then takes the nodes away; gives up after ten seconds.
#pragma once

#include <functional>

#include "hv-model/backends/device_nodes.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xenstore/client.h"

namespace ringside {

class DeviceRemoval {
 public:
  // Asks both ends to close. Forced, the frontend's nodes go first: it loses the device whether it likes it
  // or not. `closed` is called from the event queue when the backend has closed, `late` when it has not in
  // time; either may destroy this. The store and the hypervisor outlive it.
  DeviceRemoval(XenStoreClient& store, Hypervisor& hypervisor, const DevicePaths& paths, bool forced,
                std::function<void()> closed, std::function<void()> late);
  // Asks no more.
  ~DeviceRemoval();
  DeviceRemoval(const DeviceRemoval&) = delete;
  DeviceRemoval& operator=(const DeviceRemoval&) = delete;

  Tick limit() const { return limit_.at; }

 private:
  void look();

  XenStoreClient& store_;
  Hypervisor& hypervisor_;
  const std::string state_node_;
  const std::function<void()> closed_;
  EventQueue::Handle limit_;
};

}  // namespace ringside
