// Views: what a person wants to see of a machine that stands still, read through the public faces of its
// parts, which know nothing of it. A view is facts, a table, lines; who shows it need not know what it is of.
//
// Some of these walk page tables, with the effects that a walk has. So a view
// is taken in a child of a fork, and never of a machine that goes on (control/server_fork.cpp).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "machine/guest.h"
#include "machine/ring_views.h"
#include "machine/scenario.h"
#include "sim/ids.h"
#include "sim/result.h"

namespace ringside {

struct View {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> lines;
};
using Views = std::vector<View>;

class Domain;
class XenHost;

// What a machine lets be seen.
struct ViewedParts {
  const Scenario& scenario;
  std::vector<Guest*> guests;  // as the scenario's domains
  XenHost* xen = nullptr;      // null where no domain is paravirtual
  const Components& components;
};

class MachineViews {
 public:
  explicit MachineViews(ViewedParts parts) : parts_(std::move(parts)) {}

  // `domain` empty: the only one, or the first.
  Result<Views> registers(const std::string& domain);
  // `address` none: where the guest is. `before`: so many instructions ahead of it, where some lead there.
  Result<Views> disassembly(const std::string& domain, std::optional<uint64_t> address, unsigned count,
                            unsigned before = 0);
  Result<Views> memory(const std::string& domain, uint64_t address, uint64_t length, bool physical);
  Result<Views> backtrace(const std::string& domain);
  Result<Views> devices(const std::string& name);
  Result<Views> event_channels(const std::string& domain);
  Result<Views> grants(const std::string& domain);
  Result<Views> xenstore(const std::string& path);
  // A ring's indices and slots, of a frontend by the device's name, "console" or "xenstore".
  Result<Views> ring(const std::string& name);

  struct RingPage {
    DomainId domain;
    GuestPhys header;
    std::vector<std::pair<std::string, uint32_t>> fields;  // an index and where it lies
  };
  // Where the indices of a ring lie, to watch them.
  Result<RingPage> ring_page(const std::string& name);
  // Whether the guest has masked the port.
  bool is_masked(DomainId domain, EventPort port);

 private:
  // Empty: the first.
  Result<Guest*> find(const std::string& domain);

  // Empty: the first that is one.
  Result<Domain*> find_paravirtual(const std::string& domain);
  struct GrantEntry {
    uint16_t flags = 0;
    DomainId to;
    Mfn frame;
  };
  // As it stands in the shared frames; none where there is no such entry.
  std::optional<GrantEntry> grant_entry(const Domain& domain, GrantRef ref);
  const Stateful* part(const std::string& name) const;
  std::vector<Mfn> granted_frames(const Domain& domain, const std::string& folder, const std::string& name);
  void find_rings(FoundRing ring, const std::string& folder,
                  const std::vector<std::pair<std::string, FoundRing::Kind>>& refs);
  void find_all_rings();
  Result<const FoundRing*> find_ring(const std::string& name);
  View slots_view(const FoundRing& ring);
  View bytes_view(const FoundRing& ring);
  // The RAM that the guest sees.
  Memory* viewed_memory(Guest& guest) const;

  const ViewedParts parts_;
  std::vector<FoundRing> rings_;
};

}  // namespace ringside
