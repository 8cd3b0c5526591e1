#include "hv-model/backends/device_nodes.h"

#include <fmt/format.h>

#include <charconv>

#include "hv-model/xenbus.h"

namespace ringside {

namespace {

constexpr DomainId kBackendDomain{0};

std::string state_value(XenbusState state) { return fmt::format("{}", static_cast<unsigned>(state)); }

// A folder is made before its nodes, so that they inherit its permissions.
void make_folder(XenStoreClient& store, const std::string& folder, DomainId owner, DomainId reader) {
  (void)store.remove(folder);
  (void)store.make_directory(folder);
  (void)store.set_permissions(folder, {fmt::format("n{}", owner.value), fmt::format("r{}", reader.value)});
}

void write_nodes(XenStoreClient& store, const std::string& folder, const StoreNodes& nodes) {
  for (const auto& [name, value] : nodes) (void)store.write(fmt::format("{}/{}", folder, name), value);
}

void write_backend_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                         const StoreNodes& backend_nodes) {
  write_nodes(store, paths.backend,
              {{"frontend", paths.frontend},
               {"frontend-id", fmt::format("{}", frontend.value)},
               {"online", "1"},
               {"state", state_value(XenbusState::initialising)}});
  write_nodes(store, paths.backend, backend_nodes);
}

}  // namespace

DevicePaths device_paths(std::string_view kind, DomainId frontend, uint32_t device) {
  return {fmt::format("/local/domain/0/backend/{}/{}/{}", kind, frontend.value, device),
          fmt::format("/local/domain/{}/device/{}/{}", frontend.value, kind, device)};
}

void create_device_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                         const StoreNodes& frontend_nodes, const StoreNodes& backend_nodes) {
  make_folder(store, paths.frontend, frontend, kBackendDomain);
  make_folder(store, paths.backend, kBackendDomain, frontend);
  write_nodes(
      store, paths.frontend,
      {{"backend", paths.backend}, {"backend-id", "0"}, {"state", state_value(XenbusState::initialising)}});
  write_nodes(store, paths.frontend, frontend_nodes);
  write_backend_nodes(store, paths, frontend, backend_nodes);
}

void create_backend_nodes(XenStoreClient& store, const DevicePaths& paths, DomainId frontend,
                          const StoreNodes& backend_nodes) {
  make_folder(store, paths.backend, kBackendDomain, frontend);
  write_backend_nodes(store, paths, frontend, backend_nodes);
}

void request_device_removal(XenStoreClient& store, const DevicePaths& paths) {
  write_nodes(store, paths.backend, {{"online", "0"}, {"state", state_value(XenbusState::closing)}});
}

void remove_device_nodes(XenStoreClient& store, const DevicePaths& paths) {
  (void)store.remove(paths.frontend);
  (void)store.remove(paths.backend);
}

std::optional<uint32_t> parse_unsigned(std::string_view text) {
  while (!text.empty() && (text[0] == ' ' || (text[0] >= '\t' && text[0] <= '\r'))) text.remove_prefix(1);
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

}  // namespace ringside
