// Views of what a paravirtual domain shares with Xen: event channels, grants, XenStore.
#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "hv-model/xen_abi.h"
#include "machine/views.h"
#include "machine/xen_guest.h"
#include "machine/xen_host.h"

namespace ringside {

namespace {

const char* name_of(ChannelState state) {
  switch (state) {
    case ChannelState::free: return "free";
    case ChannelState::reserved: return "reserved";
    case ChannelState::unbound: return "unbound";
    case ChannelState::interdomain: return "interdomain";
    case ChannelState::pirq: return "pirq";
    case ChannelState::virq: return "virq";
    case ChannelState::ipi: return "ipi";
  }
  return "?";
}

std::string domain_name(DomainId id) { return fmt::format("dom{}", id.value); }

std::string leads_to(const Channel& channel) {
  switch (channel.state) {
    case ChannelState::unbound: return fmt::format("for {}", domain_name(channel.remote_domain));
    case ChannelState::interdomain:
      return fmt::format("{} port {}", domain_name(channel.remote_domain), channel.remote_port.value);
    case ChannelState::virq: return fmt::format("VIRQ {}", channel.virq);
    case ChannelState::ipi: return fmt::format("vcpu {}", channel.vcpu);
    default: return "";
  }
}

std::string flag_names(uint16_t flags) {
  std::string text;
  const auto add = [&](bool set, const char* name) {
    if (set) text += fmt::format("{}{}", text.empty() ? "" : " ", name);
  };
  add((flags & GTF_readonly) != 0, "readonly");
  add((flags & GTF_reading) != 0, "reading");
  add((flags & GTF_writing) != 0, "writing");
  add((flags & GTF_sub_page) != 0, "sub_page");
  return text;
}

// A value of XenStore may hold any bytes.
std::string printable(std::string_view value) {
  std::string text;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '"') {
      text += c;
    } else {
      text += fmt::format("\\x{:02x}", byte);
    }
  }
  return text;
}

}  // namespace

Memory* MachineViews::viewed_memory(Guest& guest) const {
  Memory* own = guest.memory();
  return own != nullptr || parts_.xen == nullptr ? own : parts_.xen->memory.get();
}

Result<Domain*> MachineViews::find_paravirtual(const std::string& domain) {
  if (parts_.xen == nullptr) return fail("no domain of this machine is paravirtual");
  if (!domain.empty()) {
    auto guest = find(domain);
    if (!guest) return tl::unexpected(guest.error());
    auto* xen = dynamic_cast<XenGuest*>(*guest);
    if (xen == nullptr) return fail(fmt::format("{} is a PC, and has nothing to do with Xen", domain));
    return &xen->domain();
  }
  for (Guest* guest : parts_.guests) {
    if (auto* xen = dynamic_cast<XenGuest*>(guest)) return &xen->domain();
  }
  return fail("no domain of this machine is paravirtual");
}

bool MachineViews::is_masked(DomainId id, EventPort port) {
  if (parts_.xen == nullptr) return false;
  Hypervisor& hypervisor = *parts_.xen->hypervisor;
  const Domain* domain = hypervisor.find_domain(id);
  if (domain == nullptr) return false;
  if (const auto word = hypervisor.channels.fifo_word(id, port)) {
    return hypervisor.memory.contains(*word, 4) &&
           (hypervisor.memory.load<uint32_t>(*word) & 1u << EVTCHN_FIFO_MASKED) != 0;
  }
  const GuestPhys at =
      domain->shared_info.address() + offsetof(shared_info, evtchn_mask) + uint64_t{port.value / 64} * 8;
  return hypervisor.memory.contains(at, 8) &&
         (hypervisor.memory.load<uint64_t>(at) >> (port.value % 64) & 1) != 0;
}

Result<Views> MachineViews::event_channels(const std::string& name) {
  auto domain = find_paravirtual(name);
  if (!domain) return tl::unexpected(domain.error());
  const EventChannels& channels = parts_.xen->hypervisor->channels;
  View view;
  const GuestPhys info = (*domain)->vcpu.info.value_or((*domain)->shared_info.address());
  const auto vcpu = parts_.xen->memory->load<vcpu_info>(info);
  view.facts.emplace_back("upcall pending", fmt::format("{}", vcpu.evtchn_upcall_pending));
  view.facts.emplace_back("upcall masked", fmt::format("{}", vcpu.evtchn_upcall_mask));
  view.facts.emplace_back("vcpu", (*domain)->vcpu.blocked   ? "blocked"
                                  : (*domain)->vcpu.polling ? "polls"
                                                            : "runs");
  view.columns = {"port", "state", "pending", "masked", "leads to"};
  for (uint32_t port = 1; port < EventChannels::kPortsMax; ++port) {
    const Channel* channel = channels.find((*domain)->id, EventPort{port});
    if (channel == nullptr || channel->state == ChannelState::free) continue;
    view.rows.push_back({fmt::format("{}", port), name_of(channel->state),
                         channels.is_pending(**domain, EventPort{port}) ? "pending" : "-",
                         is_masked((*domain)->id, EventPort{port}) ? "masked" : "-", leads_to(*channel)});
  }
  return Views{view};
}

std::optional<MachineViews::GrantEntry> MachineViews::grant_entry(const Domain& domain, GrantRef ref) {
  const GrantTable& table = domain.grants;
  if (ref.value >= table.entries()) return std::nullopt;
  const Memory& memory = *parts_.xen->memory;
  const uint32_t per_frame = table.entries_per_frame();
  const GuestPhys frame = table.frames[ref.value / per_frame].address();
  if (table.version == 1) {
    const GuestPhys at = frame + uint64_t{ref.value % per_frame} * sizeof(grant_entry_v1);
    if (!memory.contains(at, sizeof(grant_entry_v1))) return std::nullopt;
    const auto entry = memory.load<grant_entry_v1>(at);
    return GrantEntry{entry.flags, DomainId{entry.domid}, Mfn{entry.frame}};
  }
  const GuestPhys at = frame + uint64_t{ref.value % per_frame} * sizeof(grant_entry_v2);
  if (!memory.contains(at, sizeof(grant_entry_v2))) return std::nullopt;
  const auto entry = memory.load<grant_entry_v2>(at);
  return GrantEntry{entry.hdr.flags, DomainId{entry.hdr.domid}, Mfn{entry.full_page.frame}};
}

Result<Views> MachineViews::grants(const std::string& name) {
  auto domain = find_paravirtual(name);
  if (!domain) return tl::unexpected(domain.error());
  const GrantTable& table = (*domain)->grants;
  View view;
  view.facts.emplace_back("version", fmt::format("{}", table.version));
  view.facts.emplace_back("frames", fmt::format("{}", table.frames.size()));
  view.columns = {"ref", "to", "frame", "readers", "writers", "flags"};
  size_t mapped = 0;
  for (uint32_t ref = 0; ref < table.entries(); ++ref) {
    const auto entry = grant_entry(**domain, GrantRef{ref});
    const ActiveGrant active = ref < table.active.size() ? table.active[ref] : ActiveGrant{};
    const bool used = active.readers + active.writers != 0;
    if (used) ++mapped;
    if (!entry || ((entry->flags & GTF_type_mask) == GTF_invalid && !used)) continue;
    view.rows.push_back({fmt::format("{}", ref), domain_name(entry->to),
                         fmt::format("{:#x}", entry->frame.value), fmt::format("{}", active.readers),
                         fmt::format("{}", active.writers), flag_names(entry->flags)});
  }
  view.facts.emplace_back("entries in use", fmt::format("{}", view.rows.size()));
  view.facts.emplace_back("mapped or being copied", fmt::format("{}", mapped));
  return Views{view};
}

Result<Views> MachineViews::xenstore(const std::string& path) {
  if (parts_.xen == nullptr) return fail("no domain of this machine is paravirtual, so there is no XenStore");
  if (path.empty() || path.front() != '/') return fail(fmt::format("'{}': a path begins with /", path));
  const XenStore& store = *parts_.xen->xenstore;
  constexpr size_t kLinesMax = 2000;
  View view;
  const auto node = store.peek(path);
  if (!node) return fail(fmt::format("there is no node {}", path));
  view.lines.push_back(fmt::format("{} = \"{}\"", path, printable(*node)));
  std::function<void(const std::string&, size_t)> walk = [&](const std::string& folder, size_t depth) {
    for (const std::string& child : store.peek_children(folder)) {
      if (view.lines.size() >= kLinesMax) return;
      const std::string whole = fmt::format("{}/{}", folder == "/" ? "" : folder, child);
      const auto below = store.peek(whole);
      if (!below) continue;
      view.lines.push_back(fmt::format("{:{}}{} = \"{}\"", "", depth, child, printable(*below)));
      walk(whole, depth + 1);
    }
  };
  walk(path, 1);
  if (view.lines.size() >= kLinesMax) view.lines.emplace_back("... and more: name a longer path");
  return Views{view};
}

}  // namespace ringside
