// Drives a share's service with recorded T messages.
#include <fmt/format.h>

#include <map>
#include <optional>

#include "host/9p/fid_paths.h"
#include "host/9p/request_meaning.h"
#include "hv-model/backends/9pfs/p9_payloads.h"
#include "machine/drive/drive.h"
#include "machine/drive/stage.h"
#include "machine/share_service.h"

namespace ringside {

namespace {

constexpr size_t kRecord = sizeof(P9MessageRecord);

struct Exchange {
  Tick at;
  std::vector<uint8_t> request;
  std::string text;
  std::vector<uint8_t> recorded;  // empty: no answer was recorded
  bool whole = true;              // all of the recorded answer
  bool by_fault = false;          // what was recorded is a fault's doing
  NinePDialect dialect = NinePDialect::dotl;
  std::vector<uint8_t> found;
  bool answered = false;
};

// The recorded conversation: exchanges, and the order in which messages passed.
class Conversation {
 public:
  explicit Conversation(const SessionSide& side, const std::string& base) {
    for (const SessionCrossing& crossing : side.crossings) {
      const std::string& wire = side.wires[crossing.wire].name;
      if (crossing.payload.size() < kRecord + ninep::header_bytes) continue;
      const auto message = std::span(crossing.payload).subspan(kRecord);
      const bool whole = crossing.payload.size() >= crossing.full_size;
      if (wire == base + "/T") take_request(crossing, message, whole);
      if (wire == base + "/R") take_answer(crossing, message, whole);
    }
  }

  std::vector<Exchange> exchanges;
  // Positive: exchange number n - 1 is asked; negative: -n - 1 has been answered.
  std::vector<int64_t> order;
  uint64_t cut = 0;
  Tick end;

 private:
  static uint16_t tag_of(std::span<const uint8_t> message) {
    return static_cast<uint16_t>(message[5] | message[6] << 8);
  }

  void take_request(const SessionCrossing& crossing, std::span<const uint8_t> message, bool whole) {
    // One that was lost never reached the backend, and one that was cut cannot be made again.
    if ((crossing.flags & (Crossing::kDropped | Crossing::kFailed)) != 0) return;
    if (!whole) {
      ++cut;
      return;
    }
    Exchange exchange;
    exchange.at = crossing.at;
    exchange.request.assign(message.begin(), message.end());
    const NinePMeaning meaning = ninep_meaning(message, paths_);
    exchange.text = fmt::format("{} (tag {})", meaning.text, tag_of(message));
    paths_.take(message);
    asked_[tag_of(message)] = exchanges.size();
    exchanges.push_back(std::move(exchange));
    order.push_back(static_cast<int64_t>(exchanges.size()));
  }

  void take_answer(const SessionCrossing& crossing, std::span<const uint8_t> message, bool whole) {
    const auto asked = asked_.find(tag_of(message));
    if (asked == asked_.end()) return;
    Exchange& exchange = exchanges[asked->second];
    exchange.dialect = paths_.dialect();
    exchange.recorded.assign(message.begin(), message.end());
    exchange.whole = whole;
    exchange.by_fault = (crossing.flags & Crossing::kInjected) != 0;
    order.push_back(-static_cast<int64_t>(asked->second) - 1);
    asked_.erase(asked);
    paths_.take(message);
    end = crossing.at;
  }

  std::map<uint16_t, size_t> asked_;
  FidPaths paths_;
};

// Compares answers. The files behind qids are numbered as each server likes: the same number must stand for
// the same file, whatever it is.
class Comparison {
 public:
  // What differs, in one line each; empty where nothing does.
  bool same(const Exchange& exchange, std::string& recorded, std::string& found) {
    const auto theirs = ninep_message_type(exchange.recorded[4]);
    const auto ours = ninep_message_type(exchange.found[4]);
    if (theirs == nullptr || ours == nullptr || theirs != ours) {
      recorded = line(exchange.recorded, exchange.dialect);
      found = line(exchange.found, exchange.dialect);
      return exchange.recorded == exchange.found;
    }
    const NinePValues a = values(*theirs, exchange.dialect, exchange.recorded);
    const NinePValues b = values(*ours, exchange.dialect, exchange.found);
    const size_t count = exchange.whole ? std::max(a.count, b.count) : std::min(a.count, b.count);
    size_t field = 0;
    for (const NinePField& row : theirs->fields) {
      if (row.dotl_only && exchange.dialect != NinePDialect::dotl) continue;
      if (field >= count) break;
      if (field >= a.count || field >= b.count) break;
      compare(row, a.at[field], b.at[field], recorded, found);
      ++field;
    }
    if (exchange.whole && a.count != b.count) {
      recorded = line(exchange.recorded, exchange.dialect);
      found = line(exchange.found, exchange.dialect);
    }
    if (recorded.empty() && found.empty()) return true;
    recorded = std::string(theirs->name) + recorded;
    found = std::string(ours->name) + found;
    return false;
  }

  static std::string line(const std::vector<uint8_t>& message, NinePDialect dialect) {
    const NinePDecoded decoded = decode_message(message, dialect);
    return fmt::format("{} {}", decoded.name, to_line(decoded.fields));
  }

 private:
  static NinePValues values(const NinePMessageType& row, NinePDialect dialect,
                            const std::vector<uint8_t>& message) {
    return ninep_values(row.fields, dialect, message, ninep::header_bytes);
  }

  bool same_qids(std::span<const uint8_t> a, std::span<const uint8_t> b) {
    if (a.size() != b.size()) return false;
    for (size_t at = 0; at + ninep::qid_bytes <= a.size(); at += ninep::qid_bytes) {
      if (a[at] != b[at]) return false;  // its type
      const std::string ours(b.begin() + static_cast<ptrdiff_t>(at + 5),
                             b.begin() + static_cast<ptrdiff_t>(at + ninep::qid_bytes));
      const std::string theirs(a.begin() + static_cast<ptrdiff_t>(at + 5),
                               a.begin() + static_cast<ptrdiff_t>(at + ninep::qid_bytes));
      if (qids_.try_emplace(theirs, ours).first->second != ours) return false;
    }
    return true;
  }

  void compare(const NinePField& row, const NinePValue& a, const NinePValue& b, std::string& recorded,
               std::string& found) {
    const bool qids = row.kind == NinePFieldKind::qid || row.kind == NinePFieldKind::qids;
    if (qids ? same_qids(a.bytes, b.bytes)
             : a.number == b.number &&
                   std::equal(a.bytes.begin(), a.bytes.end(), b.bytes.begin(), b.bytes.end()))
      return;
    if (row.kind == NinePFieldKind::data || row.kind == NinePFieldKind::entries) {
      const size_t shared = std::min(a.bytes.size(), b.bytes.size());
      size_t at = 0;
      while (at < shared && a.bytes[at] == b.bytes[at]) ++at;
      recorded += fmt::format(" {} bytes, {}", a.bytes.size(), excerpt(a.bytes, at));
      found += fmt::format(" {} bytes, {}", b.bytes.size(), excerpt(b.bytes, at));
      return;
    }
    recorded += fmt::format(" {}={}", row.name, text_of(row, a));
    found += fmt::format(" {}={}", row.name, text_of(row, b));
  }

  static std::string text_of(const NinePField& row, const NinePValue& value) {
    if (row.kind == NinePFieldKind::text) return fmt::format("\"{}\"", value.text());
    if (row.kind == NinePFieldKind::qids) return fmt::format("{} qids", value.number);
    if (row.kind == NinePFieldKind::qid || row.kind == NinePFieldKind::stat) return "other bytes";
    return fmt::format("{}", value.number);
  }

  static std::string excerpt(std::span<const uint8_t> bytes, size_t at) {
    if (at >= bytes.size()) return fmt::format("ends at {}", at);
    std::string text = fmt::format("at {}: ", at);
    for (const uint8_t byte : bytes.subspan(at, std::min<size_t>(8, bytes.size() - at)))
      text += fmt::format("{:02x}", byte);
    return text;
  }

  std::map<std::string, std::string> qids_;
};

const ShareScenario* find_share(const Scenario& scenario, const std::string& base) {
  const std::string name = base.substr(base.rfind('/') + 1);
  for (const ShareScenario& share : scenario.shares) {
    if (share.name == name) return &share;
  }
  return scenario.shares.size() == 1 ? &scenario.shares.front() : nullptr;
}

}  // namespace

Result<DriveReport> drive_ninep(const DriveInput& input) {
  auto side =
      read_session_side(input.options.session, input.options.session, {input.base + "/T", input.base + "/R"});
  if (!side) return tl::unexpected(side.error());
  const ShareScenario* share = find_share(input.scenario, input.base);
  if (share == nullptr)
    return fail(fmt::format("scenario '{}' has no share for {}", input.scenario.name, input.base));
  DriveStage stage;
  Notices notices(stage.wiring, "drive");
  UnrecordedOutside outside;
  Standins standins(input.scenario);
  SIM_TRY(standins.locate_all());
  auto exported = ShareService::open(input.scenario, *share, true);
  if (!exported) return tl::unexpected(exported.error());
  SIM_TRY(exported->make({outside, standins, stage.clock, stage.events, notices,
                          static_cast<int64_t>(input.scenario.wall_clock_seconds)}));

  Conversation conversation(*side, input.base);
  DriveReport report;
  report.what = fmt::format("{} with share '{}' of {}", input.base, share->name, input.scenario.name);
  uint64_t silent = 0, faults = 0, unanswered = 0;
  Comparison comparison;
  for (const int64_t step : conversation.order) {
    Exchange& exchange = conversation.exchanges[static_cast<size_t>(step > 0 ? step - 1 : -step - 1)];
    if (step > 0) {
      stage.run_until(exchange.at);
      ++report.requests;
      exported->service->receive(exchange.request,
                                 [&exchange, &stage, &report](std::vector<uint8_t> message) {
                                   exchange.found = std::move(message);
                                   exchange.answered = true;
                                   report.end = stage.clock.now;
                                 });
      continue;
    }
    if (!stage.run_until_done([&] { return exchange.answered; }, kDriveAnswerLimit)) {
      report.differ({exchange.at, exchange.text, Comparison::line(exchange.recorded, exchange.dialect),
                     "no answer within 60s"});
      continue;
    }
    if (exchange.by_fault) {
      ++faults;
      continue;
    }
    ++report.compared;
    std::string recorded, found;
    if (!comparison.same(exchange, recorded, found))
      report.differ({exchange.at, exchange.text, recorded, found});
  }
  (void)stage.run_until_done([] { return false; }, kDriveAnswerLimit);
  for (const Exchange& exchange : conversation.exchanges) {
    if (exchange.recorded.empty()) ++(exchange.answered ? unanswered : silent);
  }
  report.recorded_end = conversation.end;
  report.remark(unanswered, "requests have no recorded answer, and got one");
  report.remark(silent, "requests have no recorded answer, and got none");
  report.remark(faults, "answers were recorded as a fault had changed them, and are not compared");
  report.remark(conversation.cut, "requests are cut in the recording, and were not made");
  return report;
}

}  // namespace ringside
