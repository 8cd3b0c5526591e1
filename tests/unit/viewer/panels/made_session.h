// A small session made by hand: a guest with a disk, a network interface, an e1000, a share, and what goes
// with them. Rows are added in order, a microsecond apart unless a test says otherwise.
#pragma once

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "viewer/panels/view_state.h"

namespace ringside::viewer {

class MadeSession {
 public:
  explicit MadeSession(std::string notes = "");

  template <class Record>
  Row add(const std::string& wire, uint16_t type, Direction direction, const Record& record,
          std::string_view tail = {}) {
    std::vector<uint8_t> payload(sizeof record);
    std::memcpy(payload.data(), &record, sizeof record);
    payload.insert(payload.end(), tail.begin(), tail.end());
    return add_bytes(wire, type, direction, payload);
  }
  Row add_bytes(const std::string& wire, uint16_t type, Direction direction,
                const std::vector<uint8_t>& payload);

  // --- A disk's ring, "dom1/ring/xvda" ---
  Row blk_indices(uint32_t req_prod, uint32_t req_cons, uint32_t rsp_prod, uint32_t req_event,
                  uint32_t rsp_event);
  Row blk_request(uint32_t slot, uint64_t id, uint64_t sector);
  Row blk_response(uint32_t slot, uint64_t id);
  // --- And what goes with it ---
  Row event(uint8_t operation, uint32_t port, Direction direction, uint32_t remote_port);
  Row grant(uint8_t operation, uint32_t ref, uint64_t frame, int16_t status = 0);
  Row xenbus(uint8_t end, uint8_t state);
  Row store(uint32_t type, uint32_t request, Direction direction, std::string_view body);
  Row ninep(Direction direction, const std::vector<uint8_t>& message);
  Row nic(uint32_t head, uint32_t tail, uint32_t descriptors);
  Row share_indices(uint32_t out_prod, uint32_t out_cons);

  // Everything above, a bit of each; the rows that tests come back to by name.
  std::map<std::string, Row> add_usual();

  // The rows so far, in a view: from then on this object is empty.
  std::unique_ptr<ViewState> view();

  Tick step = microseconds(1);

 private:
  std::unique_ptr<ViewedSession> session_;
  Tick at_;
  uint64_t sequence_ = 0;
};

// What a panel says of itself under that name; several are joined by commas.
class Panel;
std::string fact(Panel& panel, ViewState& view, const std::string& name);

}  // namespace ringside::viewer
