// The nodes in XenStore by which the toolstack makes, removes and forgets a device, with the permissions that
// libxl gives them (tools/libs/light/libxl_device.c): what is alike for every kind of backend.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hv-model/xenstore/client.h"
#include "sim/ids.h"

namespace ringside {

struct DevicePaths {
  std::string backend;   // "/local/domain/0/backend/vbd/1/51712"
  std::string frontend;  // "/local/domain/1/device/vbd/51712"
};

// `kind` is the folder's name in both homes: "vbd", "vif", "9pfs".
DevicePaths device_paths(std::string_view kind, DomainId frontend, uint32_t device);

using StoreNodes = std::vector<std::pair<std::string_view, std::string>>;

// libxl__device_generic_add: what stood there before goes, then each folder is made with its permissions (the
// owner, and the other end that may read), then its nodes, which inherit them. Written for every device are
// `backend`, `backend-id` and `state` at the frontend's, `frontend`, `frontend-id`, `online` and `state` at
// the backend's; `frontend_nodes` and `backend_nodes` follow them. Both ends begin as Initialising.
void create_device_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                         const StoreNodes& frontend_nodes, const StoreNodes& backend_nodes);

// The backend's half of it alone, for a frontend that has its nodes already.
void create_backend_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                          const StoreNodes& backend_nodes);

// libxl__initiate_device_generic_remove: asks both ends to close the device. The frontend sees its backend as
// Closing, and the backend finds `online` 0 when the frontend has closed.
void request_device_removal(XenStoreClient& store, const DevicePaths& paths);

// libxl__device_destroy: the device's folders go, at both ends.
void remove_device_nodes(XenStoreClient& store, const DevicePaths& paths);

// As sscanf's "%u" takes it: leading white space, digits, and whatever follows. Nothing when it does not fit.
std::optional<uint32_t> parse_unsigned(std::string_view text);

}  // namespace ringside
