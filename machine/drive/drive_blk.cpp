// Drives a block backend with recorded ring requests.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <map>

#include "host/payloads.h"
#include "hv-model/backends/blk/blk_request.h"
#include "hv-model/payloads.h"
#include "hv-model/xen_abi.h"
#include "machine/drive/blk_frontend.h"
#include "machine/drive/drive.h"
#include "machine/regenerate.h"

namespace ringside {

namespace {

struct Exchange {
  Tick at;
  BlkRequest request;
  std::optional<int16_t> recorded;  // the status
  bool by_fault = false;
  std::vector<uint32_t> refused;  // references that could not be mapped
  std::vector<uint8_t> data;      // read or written, as recorded; empty: not known
  std::optional<uint64_t> number;
  std::optional<BlkDriveFrontend::Answer> found;

  bool is_read() const { return request.is_read(); }
};

std::string_view operation_name(uint8_t operation) {
  switch (operation) {
    case BLKIF_OP_READ: return "READ";
    case BLKIF_OP_WRITE: return "WRITE";
    case BLKIF_OP_WRITE_BARRIER: return "WRITE_BARRIER";
    case BLKIF_OP_FLUSH_DISKCACHE: return "FLUSH_DISKCACHE";
    case BLKIF_OP_DISCARD: return "DISCARD";
    default: return "operation";
  }
}

// The sectors of the segments, where each is one that can be.
uint64_t sectors_of(const BlkRequest& request) {
  uint64_t sectors = 0;
  for (const BlkSegmentRecord& segment : request.segments) {
    if (segment.first_sect > segment.last_sect || segment.last_sect > 7) return 0;
    sectors += segment.last_sect - segment.first_sect + 1u;
  }
  return sectors;
}

std::string text_of(const Exchange& exchange) {
  const BlkRequest& request = exchange.request;
  const uint8_t operation = request.operation();
  std::string text(operation_name(operation));
  if (text == "operation") text += fmt::format(" {}", operation);
  text += fmt::format(" id={:#x} sector={}", request.head.id, request.head.sector_number);
  if (const uint64_t sectors = sectors_of(request); sectors != 0) text += fmt::format(" sectors={}", sectors);
  return text;
}

// The recorded frontend's requests, each with what is known of it, and the order in which they were made and
// answered.
class Conversation {
 public:
  Conversation(const SessionSide& side, const std::string& base, const std::string& image,
               const std::string& grants) {
    for (const SessionCrossing& crossing : side.crossings) {
      const std::string& wire = side.wires[crossing.wire].name;
      if (wire == image) {
        take_data(crossing.payload);
      } else if (wire == grants) {
        take_grant(crossing.payload);
      } else if (wire.starts_with(base) && wire.ends_with("/request")) {
        take_request(crossing, wire.substr(0, wire.size() - 8));
      } else if (wire.starts_with(base) && wire.ends_with("/response")) {
        take_response(crossing, wire.substr(0, wire.size() - 9));
      }
    }
  }

  std::deque<Exchange> exchanges;
  std::vector<int64_t> order;  // as in drive_ninep.cpp
  uint64_t without_data = 0;   // writes whose data the session does not have
  Tick end;

 private:
  void take_request(const SessionCrossing& crossing, const std::string& queue) {
    if ((crossing.flags & (Crossing::kDropped | Crossing::kFailed)) != 0) return;
    Exchange exchange;
    exchange.at = crossing.at;
    if (!exchange.request.from_payload(crossing.payload)) return;
    outstanding_[{queue, exchange.request.head.id}].push_back(exchanges.size());
    exchanges.push_back(std::move(exchange));
    order.push_back(static_cast<int64_t>(exchanges.size()));
  }

  void take_response(const SessionCrossing& crossing, const std::string& queue) {
    BlkResponseRecord record;
    if (crossing.payload.size() < sizeof record) return;
    std::memcpy(&record, crossing.payload.data(), sizeof record);
    const auto found = outstanding_.find({queue, record.id});
    if (found == outstanding_.end() || found->second.empty()) return;
    const size_t number = found->second.front();
    found->second.pop_front();
    Exchange& exchange = exchanges[number];
    exchange.recorded = record.status;
    exchange.by_fault = (crossing.flags & Crossing::kInjected) != 0;
    if (record.status == BLKIF_RSP_OKAY) find_data(exchange);
    order.push_back(-static_cast<int64_t>(number) - 1);
    end = crossing.at;
  }

  // A mapping that failed is one for the latest request that names the grant.
  void take_grant(std::span<const uint8_t> payload) {
    GrantRecord record;
    if (payload.size() < sizeof record) return;
    std::memcpy(&record, payload.data(), sizeof record);
    if (record.operation != static_cast<uint8_t>(GrantOperation::map) || record.status >= 0) return;
    constexpr size_t kLookBack = 512;  // slots of the largest ring
    size_t looked = 0;
    for (auto exchange = exchanges.rbegin(); exchange != exchanges.rend() && looked < kLookBack;
         ++exchange, ++looked) {
      if (exchange->recorded) continue;
      const auto& segments = exchange->request.segments;
      const bool names = std::any_of(segments.begin(), segments.end(), [&](const BlkSegmentRecord& segment) {
        return segment.gref == record.ref;
      });
      if (!names) continue;
      exchange->refused.push_back(record.ref);
      return;
    }
  }

  void take_data(std::span<const uint8_t> payload) {
    ImageDataRecord record;
    if (payload.size() < sizeof record) return;
    std::memcpy(&record, payload.data(), sizeof record);
    const auto data = payload.subspan(sizeof record);
    if (data.empty()) return;
    data_[{record.operation, record.sector}].push_back({data.begin(), data.end()});
  }

  // An operation's data is there before its response; a long one's in pieces.
  void find_data(Exchange& exchange) {
    const uint64_t sectors = sectors_of(exchange.request);
    if (sectors == 0) return;
    const auto operation =
        static_cast<uint8_t>(exchange.is_read() ? ImageOperation::read : ImageOperation::write);
    uint64_t sector = exchange.request.head.sector_number;
    while (exchange.data.size() < sectors * kBlkSectorBytes) {
      const auto found = data_.find({operation, sector});
      if (found == data_.end() || found->second.empty()) break;
      const std::vector<uint8_t>& piece = found->second.front();
      exchange.data.insert(exchange.data.end(), piece.begin(), piece.end());
      sector += piece.size() / kBlkSectorBytes;
      found->second.pop_front();
    }
    if (exchange.data.size() == sectors * kBlkSectorBytes) return;
    exchange.data.clear();
    if (!exchange.is_read()) ++without_data;
  }

  std::map<std::pair<std::string, uint64_t>, std::deque<size_t>> outstanding_;
  std::map<std::pair<uint8_t, uint64_t>, std::deque<std::vector<uint8_t>>> data_;
};

std::string status_text(int16_t status) {
  switch (status) {
    case BLKIF_RSP_OKAY: return "OKAY";
    case BLKIF_RSP_ERROR: return "ERROR";
    case BLKIF_RSP_EOPNOTSUPP: return "EOPNOTSUPP";
    default: return fmt::format("status {}", status);
  }
}

std::string excerpt(std::span<const uint8_t> bytes, size_t at) {
  std::string text;
  for (const uint8_t byte : bytes.subspan(at, std::min<size_t>(8, bytes.size() - at)))
    text += fmt::format("{:02x}", byte);
  return text;
}

void compare(const Exchange& exchange, DriveReport& report) {
  const BlkDriveFrontend::Answer& found = *exchange.found;
  ++report.compared;
  if (found.status != *exchange.recorded || found.operation != exchange.request.operation()) {
    std::string text = status_text(found.status);
    if (found.operation != exchange.request.operation())
      text += fmt::format(" of {}", operation_name(found.operation));
    return report.differ({exchange.at, text_of(exchange), status_text(*exchange.recorded), text});
  }
  if (found.status != BLKIF_RSP_OKAY || !exchange.is_read() || exchange.data.empty()) return;
  const auto& a = exchange.data;
  const auto& b = found.data;
  if (a == b) return;
  size_t at = 0;
  while (at < std::min(a.size(), b.size()) && a[at] == b[at]) ++at;
  if (at >= a.size() || at >= b.size()) {
    return report.differ({exchange.at, text_of(exchange), fmt::format("{} bytes", a.size()),
                          fmt::format("{} bytes", b.size())});
  }
  const uint64_t sector = exchange.request.head.sector_number + at / kBlkSectorBytes;
  const auto line = [&](std::span<const uint8_t> bytes) {
    return fmt::format("sector {} byte {}: {}", sector, at % kBlkSectorBytes, excerpt(bytes, at));
  };
  report.differ({exchange.at, text_of(exchange), line(a), line(b)});
}

const DiskScenario* find_disk(const Scenario& scenario, const std::string& base) {
  const std::string name = base.substr(base.rfind('/') + 1);
  for (const DiskScenario& disk : scenario.disks) {
    if (disk.name == name) return &disk;
  }
  return scenario.disks.size() == 1 ? &scenario.disks.front() : nullptr;
}

Result<std::unique_ptr<DiskImage>> open_image(const DriveInput& input, const DiskScenario& disk,
                                              DriveStage& stage) {
  if (disk.standin)
    return fail(fmt::format("disk '{}' is a recording itself; drive one with an image", disk.name));
  const auto path = locate_file(input.scenario, disk.image, "image");
  if (!path) return tl::unexpected(path.error());
  DiskImageConfig config;
  config.name = disk.name;
  config.path = *path;
  config.latency = disk.latency;
  return DiskImage::open(config, stage.clock, stage.events, stage.wiring);
}

// The session with the data of its disk: as it is, or executed again.
Result<SessionSide> side_of(const DriveInput& input, const std::string& image) {
  const std::string domain = input.base.substr(0, input.base.find('/'));
  const std::vector<std::string> globs{input.base + "/*", domain + "/grant", image};
  const std::string& session = input.options.session;
  const bool has_data = std::any_of(input.side.all_wires.begin(), input.side.all_wires.end(),
                                    [&](const SessionWire& wire) { return wire.name == image; });
  return has_data ? read_session_side(session, session, globs) : side_with_data(session, session, globs);
}

class Drive {
 public:
  Drive(DriveStage& stage, BlkDriveFrontend& frontend, Conversation& conversation, DriveReport& report)
      : stage_(stage), frontend_(frontend), conversation_(conversation), report_(report) {}

  void run() {
    for (const int64_t step : conversation_.order) {
      Exchange& exchange = conversation_.exchanges[static_cast<size_t>(step > 0 ? step - 1 : -step - 1)];
      if (step > 0) {
        ask(exchange);
      } else if (exchange.number) {
        judge(exchange);
      }
    }
    (void)stage_.run_until_done([&] { return take(), false; }, seconds(1));
  }

  uint64_t not_made = 0, faults = 0;

 private:
  void take() {
    for (BlkDriveFrontend::Answer& answer : frontend_.take()) {
      const auto asked = asked_.find(answer.number);
      if (asked == asked_.end()) continue;
      report_.end = stage_.clock.now;
      asked->second->found = std::move(answer);
      asked_.erase(asked);
    }
  }

  void ask(Exchange& exchange) {
    while (stage_.events.next_tick() <= exchange.at && stage_.run_next()) take();
    stage_.run_until(exchange.at);
    (void)stage_.run_until_done([&] { return take(), frontend_.room() > 0; }, kDriveAnswerLimit);
    if (frontend_.room() > 0) {
      exchange.number =
          frontend_.put(exchange.request, exchange.is_read() ? std::span<const uint8_t>() : exchange.data,
                        exchange.refused);
    }
    if (!exchange.number) {
      ++not_made;
      return;
    }
    ++report_.requests;
    asked_[*exchange.number] = &exchange;
  }

  void judge(Exchange& exchange) {
    const bool answered =
        stage_.run_until_done([&] { return take(), exchange.found.has_value(); }, kDriveAnswerLimit);
    if (!answered) {
      report_.differ(
          {exchange.at, text_of(exchange), status_text(*exchange.recorded), "no answer within 60s"});
    } else if (exchange.by_fault) {
      ++faults;
    } else {
      compare(exchange, report_);
    }
  }

  DriveStage& stage_;
  BlkDriveFrontend& frontend_;
  Conversation& conversation_;
  DriveReport& report_;
  std::map<uint64_t, Exchange*> asked_;
};

}  // namespace

Result<DriveReport> drive_blk(const DriveInput& input) {
  const DiskScenario* disk = find_disk(input.scenario, input.base);
  if (disk == nullptr)
    return fail(fmt::format("scenario '{}' has no disk for {}", input.scenario.name, input.base));
  const std::string image_wire = fmt::format("image/{}/data", input.base.substr(input.base.rfind('/') + 1));
  const auto side = side_of(input, image_wire);
  if (!side) return tl::unexpected(side.error());
  const std::string domain = input.base.substr(0, input.base.find('/'));
  Conversation conversation(*side, input.base + "/", image_wire, domain + "/grant");

  DriveStage stage;
  auto image = open_image(input, *disk, stage);
  if (!image) return tl::unexpected(image.error());
  BlkBackendConfig config = disk->blkif;
  config.name = disk->name;
  config.read_only = disk->read_only;
  config.discard = disk->discard;
  config.attached = true;
  auto frontend = BlkDriveFrontend::create(stage, **image, config);
  if (!frontend) return tl::unexpected(frontend.error());
  SIM_TRY((*frontend)->connect());

  DriveReport report;
  report.what = fmt::format("{} with disk '{}' of {}", input.base, disk->name, input.scenario.name);
  Drive drive(stage, **frontend, conversation, report);
  drive.run();
  report.recorded_end = conversation.end;
  uint64_t unanswered = 0;
  for (const Exchange& exchange : conversation.exchanges) unanswered += !exchange.recorded && exchange.found;
  report.remark(unanswered, "requests have no recorded answer, and got one");
  report.remark(drive.faults, "answers were recorded as a fault had changed them, and are not compared");
  report.remark(drive.not_made, "requests were not made: they need more memory than a driven frontend has");
  report.remark(conversation.without_data, "writes were made with zeros: the session has no data of them");
  if ((*frontend)->strays() != 0)
    report.differ({stage.clock.now, "nothing", "no answer",
                   fmt::format("{} answers to no request", (*frontend)->strays())});
  return report;
}

}  // namespace ringside
