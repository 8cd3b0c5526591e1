// HYPERVISOR_event_channel_op: arguments in, semantics in event_channels.cpp, results out.
#include "hv-model/event_channels.h"
#include "hv-model/hypervisor.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

// Interrupts of a machine as big as ours; a domU may use none of them.
constexpr uint32_t kPirqsMax = 56;

// Who is meant: DOMID_SELF, or a domain by its number. An unprivileged domain may act on itself only.
int64_t resolve_self(Hypervisor& hypervisor, const Domain& domain, uint16_t named) {
  if (named == DOMID_SELF || named == domain.id.value) return 0;
  return hypervisor.find_domain({named}) ? -XEN_EPERM : -XEN_ESRCH;
}

DomainId named_domain(const Domain& domain, uint16_t named) {
  return named == DOMID_SELF ? domain.id : DomainId{named};
}

// Copies the port out. As in Xen a fault here leaves the channel behind.
template <class Argument>
int64_t give_port(Domain& domain, GuestVirt address, Argument& argument, evtchn_port_t Argument::*field,
                  int64_t port) {
  if (port < 0) return port;
  argument.*field = static_cast<evtchn_port_t>(port);
  return domain.copy_to_guest(address, argument) ? 0 : -XEN_EFAULT;
}

}  // namespace

int64_t EventChannels::status(Domain& domain, GuestVirt argument) {
  evtchn_status status{};
  if (!domain.copy_from_guest(status, argument)) return -XEN_EFAULT;
  if (const int64_t error = resolve_self(hypervisor_, domain, status.dom)) return error;
  const Channel* asked = channel(domain.id, {status.port});
  if (!asked) return -XEN_EINVAL;
  switch (asked->state) {
    case ChannelState::free:
    case ChannelState::reserved: status.status = EVTCHNSTAT_closed; break;
    case ChannelState::unbound:
      status.status = EVTCHNSTAT_unbound;
      status.u.unbound.dom = asked->remote_domain.value;
      break;
    case ChannelState::interdomain:
      status.status = EVTCHNSTAT_interdomain;
      status.u.interdomain.dom = asked->remote_domain.value;
      status.u.interdomain.port = asked->remote_port.value;
      break;
    case ChannelState::pirq: status.status = EVTCHNSTAT_pirq; break;
    case ChannelState::virq:
      status.status = EVTCHNSTAT_virq;
      status.u.virq = asked->virq;
      break;
    case ChannelState::ipi: status.status = EVTCHNSTAT_ipi; break;
  }
  status.vcpu = asked->vcpu;
  return domain.copy_to_guest(argument, status) ? 0 : -XEN_EFAULT;
}

int64_t EventChannels::hypercall(Domain& domain, uint32_t command, GuestVirt argument) {
  switch (command) {
    case EVTCHNOP_alloc_unbound: {
      evtchn_alloc_unbound op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      if (const int64_t error = resolve_self(hypervisor_, domain, op.dom)) return error;
      return give_port(domain, argument, op, &evtchn_alloc_unbound::port,
                       alloc_unbound(domain.id, named_domain(domain, op.remote_dom)));
    }
    case EVTCHNOP_bind_interdomain: {
      evtchn_bind_interdomain op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return give_port(domain, argument, op, &evtchn_bind_interdomain::local_port,
                       bind_interdomain(domain.id, named_domain(domain, op.remote_dom), {op.remote_port}));
    }
    case EVTCHNOP_bind_virq: {
      evtchn_bind_virq op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return give_port(domain, argument, op, &evtchn_bind_virq::port, bind_virq(domain.id, op.virq, op.vcpu));
    }
    case EVTCHNOP_bind_ipi: {
      evtchn_bind_ipi op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return give_port(domain, argument, op, &evtchn_bind_ipi::port, bind_ipi(domain.id, op.vcpu));
    }
    case EVTCHNOP_bind_pirq: {
      evtchn_bind_pirq op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return op.pirq >= kPirqsMax ? -XEN_EINVAL : -XEN_EPERM;
    }
    case EVTCHNOP_close: {
      evtchn_close op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return close(domain.id, {op.port});
    }
    case EVTCHNOP_send: {
      evtchn_send op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return send(domain.id, {op.port});
    }
    case EVTCHNOP_status: return status(domain, argument);
    case EVTCHNOP_bind_vcpu: {
      evtchn_bind_vcpu op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return bind_vcpu(domain.id, {op.port}, op.vcpu);
    }
    case EVTCHNOP_unmask: {
      evtchn_unmask op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return unmask(domain.id, {op.port});
    }
    case EVTCHNOP_reset: {
      evtchn_reset op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      if (const int64_t error = resolve_self(hypervisor_, domain, op.dom)) return error;
      return reset(domain.id);
    }
    case EVTCHNOP_init_control: {
      evtchn_init_control op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      op.link_bits = EVTCHN_FIFO_LINK_BITS;
      if (const int64_t error = init_control(domain, op.control_gfn, op.offset, op.vcpu)) return error;
      return domain.copy_to_guest(argument, op) ? 0 : -XEN_EFAULT;
    }
    case EVTCHNOP_expand_array: {
      evtchn_expand_array op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return expand_array(domain, op.array_gfn);
    }
    case EVTCHNOP_set_priority: {
      evtchn_set_priority op{};
      if (!domain.copy_from_guest(op, argument)) return -XEN_EFAULT;
      return set_priority(domain.id, {op.port}, op.priority);
    }
    default: return -XEN_ENOSYS;
  }
}

}  // namespace ringside
