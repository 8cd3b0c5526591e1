#include "tests/unit/viewer/panels/made_session.h"

#include "devices/nic/payloads.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "hv-model/backends/blk/blk_payloads.h"
#include "hv-model/event_channels.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "viewer/panels/panel.h"

namespace ringside::viewer {

namespace {

void put(std::vector<uint8_t>& bytes, uint64_t value, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
}

// A 9P message: size[4] type[1] tag[2] and the body.
std::vector<uint8_t> ninep_message(uint8_t type, uint16_t tag, const std::vector<uint8_t>& body) {
  std::vector<uint8_t> message;
  put(message, 7 + body.size(), 4);
  put(message, type, 1);
  put(message, tag, 2);
  message.insert(message.end(), body.begin(), body.end());
  return message;
}

std::string nul(std::string_view text) { return std::string(text) + '\0'; }

}  // namespace

MadeSession::MadeSession(std::string notes) {
  register_hypervisor_payload_types();
  register_blk_payload_types();
  register_9pfs_payload_types();
  register_nic_payload_types();
  SessionHeader header;
  header.scenario_name = "made";
  header.notes = std::move(notes);
  session_ = ViewedSession::make_live(std::move(header));
}

Row MadeSession::add_bytes(const std::string& wire, uint16_t type, Direction direction,
                           const std::vector<uint8_t>& payload) {
  CrossingTable& table = session_->table();
  const uint32_t index = table.add_wire(wire, WireKind::message, type, {});
  at_ += step;
  table.add(at_, ++sequence_, index, direction, Crossing::kCanonical, static_cast<uint32_t>(payload.size()),
            payload);
  return table.size() - 1;
}

Row MadeSession::blk_indices(uint32_t req_prod, uint32_t req_cons, uint32_t rsp_prod, uint32_t req_event,
                             uint32_t rsp_event) {
  return add("dom1/ring/xvda/indices", kBlkIndicesPayload.id, Direction::out,
             BlkIndicesRecord{req_prod, req_event, rsp_prod, rsp_event, req_cons, req_cons - rsp_prod});
}
Row MadeSession::blk_request(uint32_t slot, uint64_t id, uint64_t sector) {
  BlkRequestRecord record{};
  record.indirect_op = kNoIndirectOp;
  record.nr_segments = 1;
  record.id = id;
  record.sector_number = sector;
  record.nr_sectors = 8;
  record.slot = slot;
  record.req_cons = slot;
  record.req_prod = slot + 1;
  return add("dom1/ring/xvda/request", kBlkRequestPayload.id, Direction::out, record);
}
Row MadeSession::blk_response(uint32_t slot, uint64_t id) {
  BlkResponseRecord record{};
  record.id = id;
  record.latency = microseconds(80).ps;
  record.slot = slot;
  return add("dom1/ring/xvda/response", kBlkResponsePayload.id, Direction::in, record);
}
Row MadeSession::event(uint8_t operation, uint32_t port, Direction direction, uint32_t remote_port) {
  EventRecord record;
  record.port = port;
  record.operation = operation;
  record.state = static_cast<uint8_t>(ChannelState::interdomain);
  record.remote_port = remote_port;
  return add("dom1/evtchn", kEventPayload.id, direction, record);
}
Row MadeSession::grant(uint8_t operation, uint32_t ref, uint64_t frame, int16_t status) {
  GrantRecord record;
  record.operation = operation;
  record.status = status;
  record.ref = ref;
  record.flags = GTF_permit_access | GTF_reading | GTF_writing;
  record.frame = frame;
  record.length = 4096;
  return add("dom1/grant", kGrantPayload.id, Direction::out, record);
}
Row MadeSession::xenbus(uint8_t end, uint8_t state) {
  const auto type = static_cast<uint8_t>((end != 0 ? 0x10 : 0) | state);
  return add("dom1/xenbus/xvda", kXenbusStatePayload.id, end != 0 ? Direction::in : Direction::out,
             XenbusStateRecord{type, end, state, 0});
}
Row MadeSession::store(uint32_t type, uint32_t request, Direction direction, std::string_view body) {
  const xsd_sockmsg head{type, request, 0, static_cast<uint32_t>(body.size())};
  return add("dom1/xenstore", 120, direction, head, body);
}
Row MadeSession::ninep(Direction direction, const std::vector<uint8_t>& message) {
  const P9MessageRecord record{1, 0, 0};
  const std::string_view tail(reinterpret_cast<const char*>(message.data()), message.size());
  const bool is_request = direction == Direction::out;
  return add(is_request ? "dom1/9p/share/T" : "dom1/9p/share/R",
             is_request ? kP9RequestPayload.id : kP9ResponsePayload.id, direction, record, tail);
}
Row MadeSession::nic(uint32_t head, uint32_t tail, uint32_t descriptors) {
  return add("dom1/nic/eth0/ring", kNicRingPayload.id, Direction::out,
             NicRingRecord{static_cast<uint8_t>(NicRing::receive),
                           static_cast<uint8_t>(NicRingEvent::tail_written),
                           {},
                           head,
                           tail,
                           descriptors});
}
Row MadeSession::share_indices(uint32_t out_prod, uint32_t out_cons) {
  return add("dom1/ring/share/0/indices", kP9IndicesPayload.id, Direction::out,
             P9IndicesRecord{out_prod, out_cons, 0, 0, 0, 0});
}

std::map<std::string, Row> MadeSession::add_usual() {
  const auto operation = [](EventOperation wanted) { return static_cast<uint8_t>(wanted); };
  std::map<std::string, Row> rows;
  store(XS_WRITE, 1, Direction::out, nul("device/vbd/51712/state") + "3");
  store(XS_WRITE, 1, Direction::in, nul("OK"));
  rows["watch"] = store(XS_WATCH, 2, Direction::out, nul("device") + nul("frontend"));
  store(XS_WATCH, 2, Direction::in, nul("OK"));
  store(XS_WATCH_EVENT, 0, Direction::in, nul("device") + nul("frontend"));
  for (uint8_t state = 1; state <= 4; ++state) {
    xenbus(0, state);
    rows["backend " + std::to_string(state)] = xenbus(1, state == 3 ? 2 : state);
  }
  rows["bind"] = event(operation(EventOperation::bind_interdomain), 4, Direction::out, 7);
  rows["map"] = grant(static_cast<uint8_t>(GrantOperation::map), 8, 0x1234);
  grant(static_cast<uint8_t>(GrantOperation::copy_to), 9, 0x1235);
  grant(static_cast<uint8_t>(GrantOperation::map), 12, 0x1236, GNTST_bad_gntref);
  blk_indices(0, 0, 0, 1, 1);
  rows["publish"] = blk_indices(4, 0, 0, 1, 1);
  rows["send"] = event(operation(EventOperation::send), 4, Direction::out, 7);
  rows["request 0"] = blk_request(0, 100, 2048);
  blk_request(1, 101, 2056);
  rows["taken"] = blk_request(2, 102, 2064);
  rows["response 0"] = blk_response(0, 100);
  rows["answered"] = blk_indices(4, 3, 1, 4, 1);
  rows["deliver"] = event(operation(EventOperation::deliver), 4, Direction::in, 7);
  // Tattach fid 0, Twalk 0 to 1 by "etc" and "motd", and a Tread that is not answered.
  std::vector<uint8_t> body;
  put(body, 0, 4);
  put(body, 0xffffffff, 4);
  put(body, 0, 2);
  put(body, 0, 2);
  put(body, 0, 4);
  ninep(Direction::out, ninep_message(104, 1, body));
  ninep(Direction::in, ninep_message(105, 1, std::vector<uint8_t>(13)));
  body.clear();
  put(body, 0, 4);
  put(body, 1, 4);
  put(body, 2, 2);
  for (const std::string_view name : {"etc", "motd"}) {
    put(body, name.size(), 2);
    body.insert(body.end(), name.begin(), name.end());
  }
  ninep(Direction::out, ninep_message(110, 2, body));
  std::vector<uint8_t> qids = {2, 0};
  qids.resize(2 + 2 * 13);
  rows["walk"] = ninep(Direction::in, ninep_message(111, 2, qids));
  body.clear();
  put(body, 1, 4);
  put(body, 0, 8);
  put(body, 512, 4);
  rows["read"] = ninep(Direction::out, ninep_message(116, 5, body));
  rows["share"] = share_indices(300, 100);
  rows["nic"] = nic(2, 10, 64);
  return rows;
}

std::unique_ptr<ViewState> MadeSession::view() {
  auto view = std::make_unique<ViewState>(std::move(session_), nullptr);
  for (int i = 0; i < 100 && view->update(0.01); ++i) continue;
  return view;
}

std::string fact(Panel& panel, ViewState& view, const std::string& name) {
  std::string text;
  for (const auto& [key, value] : panel.facts(view))
    if (key == name) text += (text.empty() ? "" : ",") + value;
  return text;
}

}  // namespace ringside::viewer
