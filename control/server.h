// The server of the control protocol: the machine's process. It is a tap behind all others, and so stands
// inside a crossing when it stops: the machine is one thread, and all of it stands still.
//
//   create() -> serve() answers requests -> "run": Machine::run() -> on_crossing() ... a rule matches ->
//   serve() again, within the crossing -> "run": on_crossing() returns, and the machine goes on.
//
// A checkpoint is a fork that sleeps (checkpoint()): woken, it forks again, so that it serves as often as it
// is asked to. Whoever loses its client ends. README.md has the messages.
#pragma once

#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/channel.h"
#include "control/crossing_feed.h"
#include "control/ninep_conversations.h"
#include "control/stops.h"
#include "machine/input.h"
#include "machine/machine.h"
#include "machine/scenario.h"
#include "sim/message_renderer.h"
#include "sim/session/crossing_hash.h"
#include "sim/session/reader.h"

namespace ringside {

// What a machine is made from.
struct MachineRequest {
  std::string path;  // a scenario, or a session
  bool is_session = false;
  std::string scenario_folder;  // of a session: where the kernel and the images are
  Overrides overrides;          // of a scenario
  std::string record_to;        // of a scenario; empty: no recording
  // Where crossings go as they pass: one end of make_feed_pair(), open in the process that starts the
  // machine's, which may close it then. -1: nowhere.
  int feed = -1;
};

class ControlServer final : public Tap, public InputSource {
 public:
  // In the machine's own process: makes the machine and serves until the client is gone. Never returns.
  [[noreturn]] static void serve(OwnedDescriptor socket, const MachineRequest& wanted);

  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;

  Tick next_tick() const override;
  std::optional<PendingInput> take(Tick now, uint64_t instructions) override;

 private:
  // What "run" asks for.
  struct Run {
    std::vector<StopRule> rules;
    uint64_t until_crossing = UINT64_MAX;
    uint64_t until_sequence = UINT64_MAX;
    Tick until = Tick::never();
    bool stops_idle = false;                 // at an idle machine, although `until` is ahead
    std::chrono::milliseconds heartbeat{0};  // 0: none
    uint64_t checkpoint_instructions = 0, checkpoint_crossings = 0;  // 0: none
    // Looks for the last match before a crossing instead of stopping at it.
    std::optional<StopRule> scan;
    bool quiet = false;  // what guests print has been shown before
  };
  struct Match {
    const StopRule* rule = nullptr;
    std::string why;
  };

  explicit ControlServer(OwnedDescriptor socket);
  Result<> create(const MachineRequest& wanted);
  [[noreturn]] void run_to_end();

  // --- server.cpp ---
  // Answers requests until one says that the machine goes on.
  void answer_requests();
  // True when the machine goes on.
  bool answer(const Json& request);
  void reply(const Json& request, Json answer);
  Json take_given(const Json& request);
  Json fault_actions(const Json& request);
  // False, with the error answered, where the request makes no sense.
  bool start_run(const Json& request);
  // The machine stands still: tells what ended the run, then serves.
  void stop(std::string_view reason, Json more = {});
  void look_for_requests();
  void on_turn();
  bool is_idle();
  // Tells where the running machine is, where that is due.
  void beat();
  Json position() const;
  Json where();

  // --- server_run.cpp, server_rules.cpp ---
  Match find_match(const Wire& wire, const Crossing& crossing, const std::vector<DecodedField>& fields);
  bool rule_matches(const StopRule& rule, const Wire& wire, const Crossing& crossing,
                    const std::vector<DecodedField>& fields, std::string& why);
  bool xenbus_matches(const StopRule& rule, std::string& why);
  bool suppression_matches(const StopRule& rule, const Wire& wire, const std::vector<DecodedField>& fields,
                           std::string& why);
  bool is_judged(const Wire& wire) const { return wire.index() < judged_.size() && judged_[wire.index()]; }
  void judge_wires();
  // What is found at this crossing by the run that a woken process was given.
  void scan_again(const Wire& wire, const Crossing& crossing, const std::vector<DecodedField>& fields);

  // --- server_watch.cpp ---
  // Finds the pages of rules that watch them; the error says which ring is not there.
  Result<> place_watches(const std::vector<StopRule>& rules);
  void on_store(GuestPhys at, unsigned size, uint64_t value);

  // --- server_fork.cpp ---
  // True in a process that was woken, and goes on with a run of its own.
  bool checkpoint();
  void sleep_as_checkpoint();
  bool wake(const Json& request);
  void become_live(OwnedDescriptor socket);
  Json view_in_child(const Json& request);

  ControlChannel channel_;
  std::unique_ptr<CrossingFeed> feed_;
  std::unique_ptr<SessionReader> reader_;
  std::unique_ptr<Replayer> replayer_;
  std::optional<Scenario> scenario_;
  std::unique_ptr<Machine> machine_;

  // Where it is.
  std::vector<const Wire*> wires_;
  uint64_t ordinal_ = 0;   // crossings seen, so the number of the current or last one, from 1
  uint64_t sequence_ = 0;  // of that crossing, while it stands in it
  // A crossing that a checker makes within another one comes before that one here, and has the larger
  // sequence.
  uint64_t highest_sequence_ = 0;
  CrossingHash hash_;
  SessionDecoder decoder_;
  NinePConversations conversations_;
  bool started_ = false;       // the machine runs, or has
  bool inside_ = false;        // it stands within crossing `ordinal_`
  Json crossing_;              // that one, or null
  std::optional<Json> ended_;  // how
  bool finishing_ = false;     // the run ends at its next turn
  volatile bool stop_requested_ = false;

  // The run in progress.
  std::optional<Json> pending_;  // its request
  Run run_;
  std::vector<bool> judged_;  // by wire: whether a rule may match there
  struct IndexSample {
    uint32_t req_prod, req_event, rsp_prod, rsp_event;
  };
  // What rules remember of crossings before.
  std::map<int64_t, std::pair<uint64_t, uint64_t>> xenbus_seen_;  // states of both ends
  std::map<std::pair<int64_t, uint32_t>, IndexSample> samples_;   // by rule and wire
  struct WatchedPage {
    int64_t rule = 0;
    uint16_t domain = 0;
    uint64_t header = 0;
    std::vector<std::pair<std::string, uint32_t>> fields;
  };
  std::vector<WatchedPage> watched_;
  uint64_t scanned_ = 0;  // the last match
  uint64_t checkpoint_at_instructions_ = UINT64_MAX, checkpoint_at_crossing_ = UINT64_MAX;
  std::chrono::steady_clock::time_point beat_at_;

  // Input from the client: what it has just given, and what is known from earlier.
  struct Scheduled {
    Tick at;
    PendingInput input;
  };
  std::deque<PendingInput> given_;
  std::optional<Tick> last_turn_;  // of the run loop
  bool asks_whether_idle_ = false;
  std::deque<Scheduled> scheduled_;
};

}  // namespace ringside
