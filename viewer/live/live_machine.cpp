#include "viewer/live/live_machine.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <deque>

#include "machine/machine.h"
#include "viewer/live/crossing_receiver.h"
#include "viewer/live/steward.h"

namespace ringside::viewer {

namespace {

// What may wait to be done. A window asks for little, and what it asks is answered.
constexpr size_t kOutstandingMax = 100;
// Of a text that is typed at once.
constexpr size_t kTextBytesMax = 64 << 10;
constexpr size_t kViewsMax = 64;
// A frame's share for taking crossings in.
constexpr auto kReceiveBudget = std::chrono::milliseconds(8);

}  // namespace

struct LiveMachine::Impl {
  // Who waits for which answer.
  struct Outstanding {
    int64_t id = 0;
    State state = State::none;  // while it is done; none: it does not move the machine
    std::string key;            // of a view, or a wire whose actions are wanted
  };
  struct CachedView {
    std::string request;
    Json answer;
    uint64_t stamp = 0;  // of the place that it belongs to; 0: none yet
    int64_t asked = 0;   // the request under way
  };

  ~Impl();
  void ask(Json request, State state, std::string key = {}, const OwnedDescriptor* with = nullptr);
  bool apply(const Json& line);
  void apply_answer(const Json& line);
  void apply_standing(const Json& line);
  void take_place(const Json& json);
  void fail(std::string why);

  pid_t steward = -1;
  ControlChannel channel;
  int64_t last_id = 0;
  std::deque<Outstanding> outstanding;
  std::deque<Json> held;  // lines whose crossings have not all come
  std::unique_ptr<CrossingReceiver> receiver;

  State standing = State::none;
  bool resumed = false;  // a run goes on by itself
  double progress = 0;
  StepPlace place;
  uint64_t stamp = 1;
  std::string reason, message;
  Json ready;
  std::map<std::string, CachedView> views;
  std::map<std::string, std::vector<std::string>> actions;
  std::map<std::string, bool> actions_asked;
};

// The steward ends with its connection, and all its processes with it. One that does not is ended, and then
// they lose their connections.
LiveMachine::Impl::~Impl() {
  channel.close();
  if (steward < 0) return;
  for (int tenths = 0; tenths < 50; ++tenths) {
    const pid_t ended = waitpid(steward, nullptr, WNOHANG);
    if (ended == steward || (ended < 0 && errno != EINTR)) return;
    ::poll(nullptr, 0, tenths < 10 ? 5 : 100);
  }
  kill(steward, SIGKILL);
  while (waitpid(steward, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<std::unique_ptr<LiveMachine>> LiveMachine::prepare() {
  auto ends = make_socket_pair();
  if (!ends) return tl::unexpected(ends.error());
  // What is buffered must not be printed twice.
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return ringside::fail(fmt::format("no process for machines: {}", std::strerror(errno)));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(0);
    ends->first.close();
    Steward::serve(std::move(ends->second));
  }
  ends->second.close();
  auto impl = std::make_unique<Impl>();
  impl->steward = child;
  impl->channel = ControlChannel(std::move(ends->first));
  return std::unique_ptr<LiveMachine>(new LiveMachine(std::move(impl)));
}

LiveMachine::LiveMachine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LiveMachine::~LiveMachine() = default;

// --- What it is asked to do ---

void LiveMachine::Impl::ask(Json request, State state, std::string key, const OwnedDescriptor* with) {
  if (outstanding.size() >= kOutstandingMax) {
    message = "the machine has too much to do already";
    return;
  }
  request["id"] = ++last_id;
  if (!channel.send(request, with)) {
    channel.close();
    return fail("the process that runs machines is gone");
  }
  outstanding.push_back({last_id, state, std::move(key)});
}

void LiveMachine::start(const MachineRequest& wanted, ViewedSession* feed) {
  register_all_payload_types();
  impl_->standing = State::none;
  impl_->receiver.reset();
  impl_->reason.clear();
  impl_->ready = nullptr;
  impl_->views.clear();
  impl_->actions.clear();
  impl_->actions_asked.clear();
  impl_->progress = 0;
  impl_->place = {};
  ++impl_->stamp;
  Json request{{"do", "start"},
               {"path", wanted.path},
               {"is_session", wanted.is_session},
               {"scenario_folder", wanted.scenario_folder},
               {"overrides", wanted.overrides},
               {"record_to", wanted.record_to}};
  OwnedDescriptor given;
  if (feed != nullptr) {
    auto ends = make_feed_pair();
    if (!ends) return impl_->fail(ends.error().message);
    impl_->receiver = std::make_unique<CrossingReceiver>(std::move(ends->first), feed->table());
    given = std::move(ends->second);
    request["descriptor"] = true;
  }
  impl_->ask(std::move(request), State::starting, {}, given ? &given : nullptr);
}

void LiveMachine::run(double speed, std::vector<StopRule> rules) {
  Json request{{"do", "run"}, {"speed", speed}};
  for (const StopRule& rule : rules) request["rules"].push_back(to_json(rule));
  impl_->ask(std::move(request), State::running);
}

void LiveMachine::pause() { impl_->ask({{"do", "pause"}}, State::none); }

void LiveMachine::step(const std::string& wire_glob) {
  impl_->ask({{"do", "step"}, {"wire", wire_glob}}, State::going);
}

void LiveMachine::back(const std::string& wire_glob) {
  impl_->ask({{"do", "back"}, {"wire", wire_glob}}, State::going);
}

void LiveMachine::go_to(uint64_t sequence) {
  impl_->ask({{"do", "go_to"}, {"sequence", sequence}}, State::going);
}

void LiveMachine::type(const std::string& console_wire, const std::string& text) {
  if (text.size() > kTextBytesMax) {
    impl_->message = fmt::format("{} bytes are too many to be typed at once", text.size());
    return;
  }
  impl_->ask({{"do", "type"}, {"wire", console_wire}, {"text", text}}, State::none);
}

void LiveMachine::fault(const std::string& spec) {
  impl_->ask({{"do", "fault"}, {"spec", spec}}, State::none);
}

void LiveMachine::ask_fault_actions(const std::string& wire) {
  if (impl_->outstanding.size() >= kOutstandingMax || std::exchange(impl_->actions_asked[wire], true)) return;
  impl_->ask({{"do", "faults"}, {"wire", wire}}, State::none, wire);
}

void LiveMachine::save(const std::string& file) {
  impl_->ask({{"do", "save"}, {"file", file}}, State::going);
}

void LiveMachine::ask_view(const std::string& key, Json request) {
  // Who scrolls through memory asks for much that nobody looks at again.
  if (impl_->views.size() > kViewsMax) {
    std::erase_if(impl_->views, [](const auto& entry) { return entry.second.asked == 0; });
  }
  Impl::CachedView& view = impl_->views[key];
  const std::string text = request.dump(-1, ' ', false, Json::error_handler_t::replace);
  const bool is_same = view.request == text;
  if (is_same && (view.asked != 0 || view.stamp == impl_->stamp)) return;
  const int64_t before = impl_->last_id;
  impl_->ask({{"do", "view"}, {"request", std::move(request)}}, State::none, key);
  if (impl_->last_id == before) return;
  if (!is_same) view.stamp = 0;
  view.request = text;
  view.asked = impl_->last_id;
}

// --- What has come of it ---

void LiveMachine::Impl::fail(std::string why) {
  standing = State::failed;
  reason = std::move(why);
  outstanding.clear();
  resumed = false;
}

void LiveMachine::Impl::take_place(const Json& json) {
  const StepPlace now = step_place_in(json);
  if (now.crossing == place.crossing && now.inside == place.inside && now.at_ps == place.at_ps &&
      now.instructions == place.instructions && now.sequence == place.sequence)
    return;
  place = now;
  ++stamp;
}

// Of an answer, or of a run that went on by itself: how the machine stands now.
void LiveMachine::Impl::apply_standing(const Json& line) {
  if (line.contains("place")) take_place(line["place"]);
  const std::string state = line.value("state", "");
  if (state == "paused") standing = State::paused;
  if (state == "ended") standing = State::ended;
  if (line.contains("reason")) reason = line.value("reason", "");
  if (const std::string said = line.value("message", ""); !said.empty()) message = said;
  if (line.contains("error")) message = line.value("error", "");
  if (state == "failed") {
    standing = State::failed;
    message = reason;
  }
}

void LiveMachine::Impl::apply_answer(const Json& line) {
  const int64_t id = line.value("id", int64_t{0});
  const auto found = std::find_if(outstanding.begin(), outstanding.end(),
                                  [&](const Outstanding& candidate) { return candidate.id == id; });
  if (found == outstanding.end()) return;
  const Outstanding answered = *found;
  outstanding.erase(found);
  if (answered.state != State::none) progress = 0;
  if (line.contains("ready")) ready = line["ready"];
  if (line.contains("view") || (!answered.key.empty() && views.contains(answered.key))) {
    const auto view = views.find(answered.key);
    if (view != views.end() && view->second.asked == id) {
      view->second.asked = 0;
      view->second.stamp = stamp;
      view->second.answer =
          line.contains("view") ? line["view"] : Json{{"error", line.value("error", "no answer")}};
      return;
    }
  }
  if (line.contains("actions")) {
    actions[answered.key] = line["actions"].get<std::vector<std::string>>();
    return;
  }
  apply_standing(line);
}

bool LiveMachine::Impl::apply(const Json& line) {
  const std::string event = line.value("event", "");
  if (event == "place") {
    take_place(line["place"]);
  } else if (event == "progress") {
    progress = line.value("part", 0.0);
  } else if (event == "resumed") {
    resumed = true;
  } else if (event == "stopped") {
    resumed = false;
    apply_standing(line);
  } else {
    apply_answer(line);
  }
  return true;
}

bool LiveMachine::poll() {
  bool changed = false;
  while (auto line = impl_->channel.receive(ControlChannel::Wait::no)) {
    if (line->json.is_object()) impl_->held.push_back(std::move(line->json));
  }
  // Crossings have been sent before the answer that stands behind them.
  bool has_all = true;
  if (impl_->receiver) {
    has_all = impl_->receiver->receive(kReceiveBudget);
    changed = impl_->receiver->take_changed() || changed || !has_all;
  }
  while (!impl_->held.empty()) {
    const std::string event = impl_->held.front().value("event", "");
    if (!has_all && event != "place" && event != "progress") break;
    const Json line = std::move(impl_->held.front());
    impl_->held.pop_front();
    try {
      changed = impl_->apply(line) || changed;
    } catch (const Json::exception&) {
      // An answer that is not what it should be says nothing.
    }
  }
  if (!impl_->channel.is_open() && impl_->standing != State::failed && impl_->held.empty()) {
    impl_->fail("the process that runs machines is gone");
    changed = true;
  }
  return changed;
}

LiveMachine::State LiveMachine::state() const {
  for (const Impl::Outstanding& outstanding : impl_->outstanding) {
    if (outstanding.state != State::none) return outstanding.state;
  }
  return impl_->resumed ? State::running : impl_->standing;
}

double LiveMachine::progress() const { return impl_->progress; }
const StepPlace& LiveMachine::place() const { return impl_->place; }
uint64_t LiveMachine::sequence() const { return impl_->place.sequence; }
const std::string& LiveMachine::reason() const { return impl_->reason; }
const Json& LiveMachine::ready() const { return impl_->ready; }

const Json* LiveMachine::view(const std::string& key) const {
  const auto found = impl_->views.find(key);
  if (found == impl_->views.end() || found->second.stamp != impl_->stamp) return nullptr;
  return &found->second.answer;
}

const std::vector<std::string>* LiveMachine::fault_actions(const std::string& wire) const {
  const auto found = impl_->actions.find(wire);
  return found == impl_->actions.end() ? nullptr : &found->second;
}

std::string LiveMachine::take_message() { return std::exchange(impl_->message, {}); }

}  // namespace ringside::viewer
