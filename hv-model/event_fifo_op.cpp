// EVTCHNOP_init_control, expand_array and set_priority (xen/common/event_fifo.c).
#include "hv-model/event_channels.h"
#include "hv-model/hypervisor.h"
#include "hv-model/vcpu_state.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {

// The domain changes to the FIFO ABI. Events that are pending are kept for when their words are there.
int64_t EventChannels::init_control(Domain& domain, uint64_t frame, uint32_t offset, uint32_t vcpu) {
  if (vcpu != 0) return -XEN_ENOENT;
  if (offset > kPageSize - sizeof(evtchn_fifo_control_block_t) || offset % 8 != 0) return -XEN_EINVAL;
  Table& table = tables_[domain.id];
  if (table.fifo) return -XEN_EINVAL;  // the only vCPU has its block
  const Mfn page{frame};
  if (hypervisor_.page_tables.get_page_and_type(domain, page, PageType::writable) != 0) return -XEN_EINVAL;
  for (uint32_t port = 1; port < table.channels.size(); ++port) {
    FifoPort& state = table.channels[port].fifo;
    state.saved_pending = state.saved_pending || is_pending(domain, {port});
    state.priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
  }
  table.fifo = std::make_unique<EventFifo>(hypervisor_.memory, page.address() + offset);
  show(domain.id, EventOperation::init_control, {}, Direction::out);
  return 0;
}

int64_t EventChannels::expand_array(Domain& domain, uint64_t frame) {
  Table& table = tables_[domain.id];
  if (!table.fifo) return -XEN_EOPNOTSUPP;
  const uint32_t first = table.fifo->ports();
  if (first >= EventFifo::kPagesMax * EventFifo::kWordsPerPage) return -XEN_ENOSPC;
  const Mfn page{frame};
  if (hypervisor_.page_tables.get_page_and_type(domain, page, PageType::writable) != 0) return -XEN_EINVAL;
  table.fifo->add_page(page);
  show(domain.id, EventOperation::expand_array, {first}, Direction::out);
  for (uint32_t port = first; port < table.fifo->ports() && port < table.channels.size(); ++port) {
    if (table.channels[port].fifo.saved_pending) set_pending(domain, {port});
  }
  return 0;
}

// Events that are on a queue stay there; later ones go to the new one.
int64_t EventChannels::set_priority(DomainId domain, EventPort port, uint32_t priority) {
  Channel* changed = channel(domain, port);
  if (!changed) return -XEN_EINVAL;
  if (!tables_[domain].fifo) return -XEN_ENOSYS;
  if (priority > EVTCHN_FIFO_PRIORITY_MIN) return -XEN_EINVAL;
  changed->fifo.priority = static_cast<uint8_t>(priority);
  show(domain, EventOperation::set_priority, port, Direction::out);
  return 0;
}

// EVTCHNOP_reset goes back to the 2-level ABI.
void EventChannels::leave_fifo(Domain& domain) {
  Table& table = tables_[domain.id];
  if (!table.fifo) return;
  for (const Mfn page : table.fifo->held_frames()) hypervisor_.page_tables.put_page_and_type(domain, page);
  table.fifo.reset();
  for (Channel& channel : table.channels) channel.fifo = {};
}

std::vector<Mfn> EventChannels::held_frames(DomainId domain) const {
  const auto table = tables_.find(domain);
  if (table == tables_.end() || !table->second.fifo) return {};
  return table->second.fifo->held_frames();
}

void EventChannels::set_pending_fifo(Domain& domain, EventPort port) {
  Channel* raised_channel = channel(domain.id, port);
  if (!raised_channel) return;
  const EventFifo::Raised raised = tables_[domain.id].fifo->set_pending(port, raised_channel->fifo);
  if (raised.upcall) mark_events_pending(hypervisor_, domain);
  if (!raised.was_pending) check_poller(hypervisor_, domain, port);
}

}  // namespace ringside
