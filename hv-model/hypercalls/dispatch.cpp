// The way of every hypercall: cost, wire, table, wire again.
#include <fmt/format.h>

#include <cstring>

#include "hv-model/hypercalls/call.h"
#include "hv-model/hypercalls/table.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "hv-model/xen_error.h"

namespace ringside {
namespace {

int64_t execute(HypercallInProgress& call, const HypercallEntry* entry, uint64_t number) {
  if (entry) return entry->handler(call);
  call.domain.notices.emit(NoticeKind::unhandled, "hypercall", fmt::format("unknown hypercall {}", number));
  return -XEN_ENOSYS;
}

HypercallRecord describe(const HypercallInProgress& call, const HypercallEntry* entry, uint64_t number) {
  HypercallRecord record;
  record.number = static_cast<uint32_t>(number > UINT32_MAX ? UINT32_MAX : number);
  const bool has_command = entry && entry->command_argument >= 0;
  const uint64_t command = has_command ? call.argument32(static_cast<size_t>(entry->command_argument)) : 0;
  record.operation = operation_code(number, has_command ? command : kNoSubCommand);
  record.arguments = call.arguments;
  return record;
}

Verdict pass(Wire& wire, Direction direction, HypercallRecord& record, std::vector<uint8_t>& payload) {
  payload.resize(sizeof record);
  std::memcpy(payload.data(), &record, sizeof record);
  const Verdict verdict = wire.pass(direction, payload);
  if (payload.size() == sizeof record) std::memcpy(&record, payload.data(), sizeof record);
  return verdict;
}

// Faults on a call may change its arguments, or name an error, which stands in for the execution; on a
// return they change the result. Of either, a delay is what the guest waits.
int64_t execute_on_wire(HypercallInProgress& call, const HypercallEntry* entry, uint64_t number, Wire& wire) {
  std::vector<uint8_t> payload;
  HypercallRecord record = describe(call, entry, number);
  const Verdict verdict = pass(wire, Direction::out, record, payload);
  if (verdict.delay.ps != 0) call.charge(verdict.delay);
  call.arguments = record.arguments;
  record.result = verdict.fail != 0 ? verdict.fail : execute(call, entry, number);
  record.phase = 1;
  const Verdict returned = pass(wire, Direction::in, record, payload);
  if (returned.delay.ps != 0) call.charge(returned.delay);
  return returned.fail != 0 ? returned.fail : record.result;
}

}  // namespace

int64_t dispatch_hypercall(HypercallInProgress& call, uint64_t number) {
  const HypercallEntry* entry = find_hypercall(number);
  Wire* wire = call.domain.hypercall_wire;
  if (wire && wire->tapped()) return execute_on_wire(call, entry, number, *wire);
  return execute(call, entry, number);
}

bool is_canonical(uint64_t address) {
  const int64_t extended = static_cast<int64_t>(address << 16) >> 16;
  return static_cast<uint64_t>(extended) == address;
}

Hypervisor::HypercallResult Hypervisor::hypercall(Domain& domain, uint64_t number,
                                                  const std::array<uint64_t, 6>& arguments) {
  if (domain.cpu) domain.cpu->charge(domain.cpu->exit_cost(ExitReason::hypercall));
  HypercallInProgress call{*this, domain, arguments};
  const int64_t value = dispatch_hypercall(call, number);
  return {value, call.writes_rax};
}

}  // namespace ringside
