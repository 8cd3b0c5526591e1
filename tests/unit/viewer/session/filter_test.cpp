// Proves what each part of the filters' grammar means, on rows of every kind of payload; that an error says
// where it is and what may be meant; and that rows found at once are those that match one by one.
#include "viewer/session/filter.h"

#include <algorithm>

#include "sim/fault/fault_injector.h"
#include "tests/unit/viewer/session/session_bench.h"

using namespace ringside;
using namespace ringside::viewer;
using namespace ringside::viewer::session_bench;
using Rows = std::vector<Row>;

namespace {

constexpr uint8_t kTread = 116, kTclunk = 120;

Bytes store_message(uint32_t type, std::string_view body) {
  Bytes bytes(16);
  bytes[0] = static_cast<uint8_t>(type);
  bytes[12] = static_cast<uint8_t>(body.size());
  bytes.insert(bytes.end(), body.begin(), body.end());
  return bytes;
}

Bytes grant(GrantOperation operation, uint32_t ref, uint16_t flags, int16_t status) {
  GrantRecord record;
  record.operation = static_cast<uint8_t>(operation);
  record.ref = ref;
  record.flags = flags;
  record.status = status;
  return payload_of(record);
}

// One row, or a few, of most kinds of wires.
struct Rowset {
  Rowset() : text(made.table) {
    const uint32_t xvda = made.wire("dom1/ring/xvda/request", WireKind::message, kBlkRequestPayload);
    const uint32_t answers = made.wire("dom1/ring/xvda/response", WireKind::message, kBlkResponsePayload);
    const uint32_t xvdb = made.wire("dom2/ring/xvdb/request", WireKind::message, kBlkRequestPayload);
    const uint32_t indices = made.wire("dom1/ring/xvda/indices", WireKind::sampled, kBlkIndicesPayload);
    const uint32_t events = made.wire("dom1/evtchn", WireKind::signal, kEventPayload);
    const uint32_t grants = made.wire("dom1/grant", WireKind::call, kGrantPayload);
    const uint32_t store =
        made.wire("dom1/xenstore", WireKind::message, *PayloadRegistry::instance().find(120));
    const uint32_t notices = made.wire("dom1/notice", WireKind::sampled, kNoticePayload);
    const uint32_t faults = made.wire("fault", WireKind::sampled, kFaultPayload);
    const uint32_t share = made.wire("dom1/9p/share/T", WireKind::message, kP9RequestPayload);
    const uint32_t unknown = made.table.add_wire("dom1/unknown", WireKind::message, 65432, {});
    BlkResponseRecord failed{};
    failed.status = -1;
    failed.latency = microseconds(20).ps;
    constexpr uint8_t kStruck = Crossing::kCanonical | Crossing::kInjected;
    made.add(xvda, read_request(100));                                                            // 0
    made.add(xvda, read_request(4096, 1));                                                        // 1
    made.add(xvdb, read_request(4096));                                                           // 2
    made.add(answers, payload_of(failed), Direction::in);                                         // 3
    made.add(indices, Bytes(24, 2));                                                              // 4
    made.add(events, event(EventOperation::deliver, 5), Direction::in);                           // 5
    made.add(events, event(EventOperation::send, 6), Direction::out, kStruck);                    // 6
    made.add(grants, grant(GrantOperation::map, 9, 1 | 8, 0));                                    // 7
    made.add(grants, grant(GrantOperation::unmap, 9, 1, -3));                                     // 8
    made.add(store, store_message(2, std::string_view("device/vbd/51712/state\0", 23)));          // 9
    made.add(notices, notice(NoticeKind::unusual, "blkif/xvda", "request 0x1 is odd"));           // 10
    made.add(notices, notice(NoticeKind::violation, "rings/order", "dom1/ring/xvda went back"));  // 11
    made.add(faults, Bytes(24, 1));                                                               // 12
    made.add(share, ninep(kTread, 3, {7, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));         // 13
    made.add(share, ninep(kTclunk, 4, {8, 0, 0, 0}));                                             // 14
    made.add(unknown, {1, 2, 3});                                                                 // 15
    made.add(xvda, {0});                                                                          // 16
  }

  Rows find(const std::string& expression) {
    auto filter = Filter::parse(expression);
    INFO(expression);
    if (!filter) FAIL(filter.error().message);
    Rows found, one_by_one;
    filter->find(made.table, text, 0, made.table.size(), found);
    for (Row row = 0; row < made.table.size(); ++row) {
      if (filter->matches(made.table, text, row)) one_by_one.push_back(row);
    }
    CHECK(found == one_by_one);
    return found;
  }

  Table made;
  RowText text;
};

std::string error_of(const std::string& expression) {
  const auto filter = Filter::parse(expression);
  INFO(expression);
  REQUIRE_FALSE(filter);
  return filter.error().message;
}

}  // namespace

TEST_CASE("filters find rows by what every row has") {
  Rowset rows;
  CHECK(rows.find("").size() == rows.made.table.size());
  CHECK(rows.find("  ").size() == rows.made.table.size());
  CHECK(rows.find("wire == \"dom1/ring/xvda/request\"") == Rows{0, 1, 16});
  CHECK(rows.find("wire == ring/xvda/request") == Rows{0, 1, 16});
  CHECK(rows.find("wire ~ \"ring/*/request\"") == Rows{0, 1, 2, 16});
  CHECK(rows.find("wire ~ dom2/*") == Rows{2});
  CHECK(rows.find("wire ~ ring") == Rows{0, 1, 2, 3, 4, 16});
  CHECK(rows.find("wire !~ ring && wire != fault && domain != dom1").empty());
  CHECK(rows.find("device == xvdb || device == hypercall") == Rows{2});
  CHECK(rows.find("device == share") == Rows{13, 14});
  CHECK(rows.find("domain == dom2") == Rows{2});
  CHECK(rows.find("time >= 14us") == Rows{13, 14, 15, 16});
  CHECK(rows.find("time == 2000000") == Rows{1});
  CHECK(rows.find("sequence < 3") == Rows{0, 1});
  CHECK(rows.find("direction == in") == Rows{3, 5});
  CHECK(rows.find("direction != out") == Rows{3, 5});
  CHECK(rows.find("kind == call") == Rows{7, 8});
  CHECK(rows.find("type == blkif_request && size > 1") == Rows{0, 1, 2});
  CHECK(rows.find("size <= 3") == Rows{15, 16});
  CHECK(rows.find("text ~ \"port=6\"") == Rows{6});
  CHECK(rows.find("text ~ \"op=*port=?\"") == Rows{5, 6});
  CHECK(rows.find("text !~ \"=\"") == Rows{15});
  CHECK(rows.find("wire").size() == rows.made.table.size());
}

TEST_CASE("filters find rows by fields, by the whole of a name or a part that is one's alone") {
  Rowset rows;
  CHECK(rows.find("wire ~ \"ring/*\" && op == \"read\" && sector > 2048") == Rows{2});
  CHECK(rows.find("wire ~ \"ring/*\" && operation == \"READ\" && sector_number > 2048") == Rows{2});
  CHECK(rows.find("operation == WRITE") == Rows{1});
  CHECK(rows.find("operation ~ wr*") == Rows{1});
  CHECK(rows.find("op == deliver || op == map") == Rows{5, 7});
  CHECK(rows.find("sector_number") == Rows{0, 1, 2});
  CHECK(rows.find("sector == 4096") == Rows{1, 2});
  CHECK(rows.find("sector == 0x1000") == Rows{1, 2});
  CHECK(rows.find("sector != 4096") == Rows{0});
  CHECK(rows.find("!(sector == 4096)").size() == rows.made.table.size() - 2);
  CHECK(rows.find("sector_number ~ 40*") == Rows{1, 2});
  CHECK(rows.find("sector_number ~ 09") == Rows{1, 2});
  CHECK(rows.find("latency >= 20us") == Rows{3});
  CHECK(rows.find("latency > 20us").empty());
  // A status by its name or its number; -1 in a field that counts as unsigned.
  CHECK(rows.find("status == ERROR") == Rows{3});
  CHECK(rows.find("status == -1") == Rows{3});
  CHECK(rows.find("status < -2") == Rows{8});
  CHECK(rows.find("type == blkif_response && status != OKAY") == Rows{3});
}

TEST_CASE("filters ask of flags whether one is set, and of tails whether any record fits") {
  Rowset rows;
  CHECK(rows.find("flags == permit_access") == Rows{7, 8});
  CHECK(rows.find("flags == reading") == Rows{7});
  CHECK(rows.find("flags == \"reading|permit_access\"") == Rows{7});
  CHECK(rows.find("flags != reading && op == unmap") == Rows{8});
  CHECK(rows.find("flags ~ \"*|read*\"") == Rows{7});
  CHECK(rows.find("flags == 9") == Rows{7});
  CHECK(rows.find("gref == 12") == Rows{0, 1, 2});
  CHECK(rows.find("gref != 12").empty());
  CHECK(rows.find("gref > 12").empty());
  CHECK(rows.find("last == 3 && sector < 200") == Rows{0});
  CHECK(rows.find("segments") == Rows{0, 1, 2});
  CHECK(rows.find("!segments && wire == ring/xvda/request") == Rows{16});
}

TEST_CASE("filters find texts") {
  Rowset rows;
  CHECK(rows.find("body ~ state") == Rows{9});
  CHECK(rows.find("body ~ \"device/*/51712\"") == Rows{9});
  CHECK(rows.find("body ~ STATE").empty());
  CHECK(rows.find("component == \"blkif/xvda\"") == Rows{10});
  CHECK(rows.find("component ~ rings*") == Rows{11});
  CHECK(rows.find("message ~ \"went back\"") == Rows{11});
  CHECK(rows.find("component != \"blkif/xvda\"") == Rows{11});
  // What every row has, and what a few payloads call so, too.
  CHECK(rows.find("type == XS_READ") == Rows{9});
  CHECK(rows.find("kind == unusual") == Rows{10});
  CHECK(rows.find("kind == sampled && kind == unusual") == Rows{10});
}

TEST_CASE("filters know faults, notices and violations") {
  Rowset rows;
  CHECK(rows.find("fault") == Rows{6, 12});
  CHECK(rows.find("notice") == Rows{10, 11});
  CHECK(rows.find("violation") == Rows{11});
  CHECK(rows.find("fault || notice && !violation") == Rows{6, 10, 12});
}

TEST_CASE("filters find messages that are decoded in order") {
  Rowset rows;
  CHECK(rows.find("message == Tread") == Rows{13});
  CHECK(rows.find("message ~ Tclu*") == Rows{14});
  CHECK(rows.find("fid == 7") == Rows{13});
  CHECK(rows.find("fid > 7") == Rows{14});
  CHECK(rows.find("fid != 7") == Rows{14});
  CHECK(rows.find("count") == Rows{13});
  CHECK(rows.find("fid && message") == Rows{13, 14});
}

TEST_CASE("&& binds closer than ||, and ! closest") {
  Rowset rows;
  CHECK(rows.find("sequence == 1 || sequence == 2 && sequence == 3") == Rows{0});
  CHECK(rows.find("(sequence == 1 || sequence == 2) && sequence == 2") == Rows{1});
  CHECK(rows.find("!sector_number && sequence <= 5") == Rows{3, 4});
  CHECK(rows.find("!!(sequence==1)") == Rows{0});
  CHECK(rows.find("sequence>=2&&sequence<=3") == Rows{1, 2});
}

TEST_CASE("numbers are compared at the ends of what 64 bits hold") {
  Rowset rows;
  const size_t all = rows.made.table.size();
  CHECK(rows.find("sequence <= 18446744073709551615").size() == all);
  CHECK(rows.find("sequence > 18446744073709551615").empty());
  CHECK(rows.find("sequence >= 0").size() == all);
  CHECK(rows.find("sequence < 0").empty());
  CHECK(rows.find("sequence > -1").size() == all);
  CHECK(rows.find("sequence == -1").empty());
  // Of blkif and of grants.
  CHECK(rows.find("status > -18446744073709551615") == Rows{3, 7, 8});
  CHECK(rows.find("type == grant && status < 18446744073709551615") == Rows{7, 8});
}

TEST_CASE("a filter follows wires that come, and goes over to another table") {
  Rowset rows;
  auto filter = Filter::parse("device == late || device == xvdb").value();
  Rows found;
  filter.find(rows.made.table, rows.text, 0, rows.made.table.size(), found);
  CHECK(found == Rows{2});
  const uint32_t late = rows.made.wire("dom1/ring/late/request", WireKind::message, kBlkRequestPayload);
  const Row row = rows.made.add(late, read_request(1));
  CHECK(filter.matches(rows.made.table, rows.text, row));
  Table other;
  RowText words(other.table);
  const Row no = other.add(other.wire("dom1/evtchn", WireKind::signal, kEventPayload), event({}, 1));
  const Row yes = other.add(other.wire("dom1/ring/late/indices", WireKind::sampled, kBlkIndicesPayload), {});
  CHECK_FALSE(filter.matches(other.table, words, no));
  CHECK(filter.matches(other.table, words, yes));
  CHECK_FALSE(filter.matches(other.table, words, other.table.size()));
  Filter moved = std::move(filter);
  CHECK(moved.text() == "device == late || device == xvdb");
}

TEST_CASE("an error says at which character what is wrong") {
  using Catch::Contains;
  CHECK_THAT(error_of("opertion == READ"),
             Contains("at character 1: no crossing has 'opertion'") && Contains("did you mean 'operation'"));
  CHECK_THAT(error_of("wire ~ a && wier == b"), Contains("at character 13") && Contains("'wire'"));
  CHECK_THAT(error_of("operation == RAED"),
             Contains("at character 14") && Contains("did you mean") && Contains("'READ'"));
  CHECK_THAT(error_of("direction == up"), Contains("at character 14") && Contains("in"));
  CHECK_THAT(error_of("kind == massage"), Contains("'message'"));
  CHECK_THAT(error_of("remote == 4"), Contains("'remote' may be remote_domain, remote_port"));
  CHECK_THAT(error_of("sector_number == many"),
             Contains("at character 18: 'sector_number' is a number, and 'many' is none"));
  CHECK_THAT(error_of("time == soon"), Contains("'time' is a number") && Contains("1.5ms"));
  CHECK_THAT(error_of("time ~ 1"), Contains("'time' is a number"));
  CHECK_THAT(error_of("wire < 5"), Contains("is a text: use =="));
  CHECK_THAT(error_of("sector_number < \"5\""), Contains("compares numbers, and this is a text"));
  CHECK_THAT(error_of("fault == 1"), Contains("'fault' stands alone"));
  CHECK_THAT(error_of("sector = 5"), Contains("at character 8") && Contains("write '=='"));
  CHECK_THAT(error_of("notice & fault"), Contains("at character 8") && Contains("write '&&'"));
  CHECK_THAT(error_of("notice | fault"), Contains("write '||'"));
  CHECK_THAT(error_of("notice fault"), Contains("at character 8") && Contains("join tests"));
  CHECK_THAT(error_of("body == 'x'"), Contains("double quotes"));
  CHECK_THAT(error_of("(notice"), Contains("at character 1: this parenthesis has no end"));
  CHECK_THAT(error_of("notice)"), Contains("at character 7"));
  CHECK_THAT(error_of("body == \"x"), Contains("at character 9: this text has no end"));
  CHECK_THAT(error_of("notice &&"), Contains("at character 10: a name is missing"));
  CHECK_THAT(error_of("sector =="), Contains("at character 10: a value is missing"));
  CHECK_THAT(error_of("sector == 99999999999999999999"), Contains("no number of 64 bits"));
  CHECK_THAT(error_of("sector == 0xzz"), Contains("no number of 64 bits"));
  CHECK_THAT(error_of("sector == 1.5"), Contains("no number of 64 bits"));
  CHECK_THAT(error_of("sector == \x01"), Contains("this character cannot be there"));
  CHECK_THAT(error_of(std::string(1000, '(')), Contains("too many parentheses"));
  CHECK_THAT(error_of(std::string(1000, '!')), Contains("too many parentheses"));
  CHECK_THAT(error_of(std::string(5000, 'a')), Contains("more than 4096 characters"));
  CHECK_THAT(error_of("body ~ " + std::string(300, 'a')), Contains("at most 256 characters"));
}

TEST_CASE("names and values are completed") {
  Rowset rows;
  const auto completions = [&](std::string_view text) { return filter_completions(rows.made.table, text); };
  const auto has = [&](std::string_view text, const std::string& word) {
    const auto found = completions(text);
    return std::find(found.begin(), found.end(), word) != found.end();
  };
  CHECK(completions("sector_n") == std::vector<std::string>{"sector_number"});
  CHECK(has("", "wire"));
  CHECK(has("", "violation"));
  CHECK(has("", "gref"));
  CHECK(has("", "fid_path"));
  CHECK_FALSE(has("", "lba"));
  CHECK(has("notice && (sec", "sector_number"));
  CHECK(has("!vio", "violation"));
  CHECK(completions("operation == RE") == std::vector<std::string>{"READ"});
  CHECK(completions("operation==W") == std::vector<std::string>{"WRITE", "WRITE_BARRIER"});
  CHECK(has("wire ~ dom2", "dom2/ring/xvdb/request"));
  CHECK(completions("direction == ") == std::vector<std::string>{"in", "out"});
  CHECK(completions("domain == ") == std::vector<std::string>{"dom1", "dom2"});
  CHECK(has("device == x", "xvdb"));
  CHECK(has("kind == ", "violation"));
  CHECK(completions("operation == READ ").empty());
  CHECK(completions("operation ").empty());
  CHECK(completions("\xff\x01 ==").empty());
}
