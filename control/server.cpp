#include "control/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

#include "control/bytes_text.h"
#include "control/crossing_text.h"
#include "control/signals.h"
#include "machine/fault_input.h"
#include "machine/views.h"

namespace ringside {

namespace {

// A guest that computes and sends nothing is interrupted so often, for requests.
constexpr Tick kSliceMax = milliseconds(20);

Json divergence_json(const Divergence& divergence) {
  return {{"epoch", divergence.epoch},
          {"at_ps", divergence.at.ps},
          {"what", divergence.what},
          {"expected", divergence.expected},
          {"found", divergence.found}};
}

Json report_json(const RunReport& report) {
  Json json{{"exit_code", static_cast<int>(report.exit_code)},
            {"reason", report.reason},
            {"at_ps", report.at.ps},
            {"instructions", report.instructions},
            {"missing", report.missing}};
  if (!report.details.empty()) json["details"] = report.details;
  return json;
}

}  // namespace

ControlServer::ControlServer(OwnedDescriptor socket) { become_live(std::move(socket)); }

void ControlServer::serve(OwnedDescriptor socket, const MachineRequest& wanted) {
  prepare_machine_signals();
  // The rest of this process is the machine; what it was forked from is not run down.
  auto* server = new ControlServer(std::move(socket));
  if (const auto made = server->create(wanted); !made) {
    server->channel_.send({{"event", "failed"},
                           {"exit_code", static_cast<int>(made.error().code)},
                           {"message", made.error().message}});
    _exit(0);
  }
  Json ready{{"event", "ready"}, {"pid", getpid()}, {"scenario", server->scenario_->name}};
  ready["replay"] = server->replayer_ != nullptr;
  for (const DomainScenario& domain : server->scenario_->domains) ready["domains"].push_back(domain.name);
  for (const ShareScenario& share : server->scenario_->shares) {
    if (!share.bridge.empty() && server->replayer_ == nullptr) ready["live_outside"] = share.name;
  }
  for (const Wire* wire : server->wires_) ready["wires"].push_back(wire->name());
  ready["position"] = server->position();
  if (server->feed_) server->feed_->flush();
  server->channel_.send(ready);
  server->answer_requests();
  server->run_to_end();
}

Result<> ControlServer::create(const MachineRequest& wanted) {
  MachineOptions options;
  if (wanted.feed >= 0) {
    feed_ = std::make_unique<CrossingFeed>(OwnedDescriptor(wanted.feed));
    options.taps_beside_recorder.push_back(feed_.get());
  }
  register_all_payload_types();
  if (wanted.is_session) {
    auto reader = SessionReader::open(wanted.path);
    if (!reader) return tl::unexpected(reader.error());
    reader_ = std::make_unique<SessionReader>(std::move(*reader));
    auto replayer = Replayer::create(*reader_);
    if (!replayer) return tl::unexpected(replayer.error());
    replayer_ = std::move(*replayer);
    auto scenario = scenario_of_session(replayer_->header(), wanted.scenario_folder);
    if (!scenario) return tl::unexpected(scenario.error());
    scenario_ = std::move(*scenario);
    options.replay = replayer_.get();
  } else {
    auto scenario = load_scenario(wanted.path, wanted.overrides);
    if (!scenario) return tl::unexpected(scenario.error());
    scenario_ = std::move(*scenario);
    options.record_to = wanted.record_to;
    options.live_inputs.push_back(this);
  }
  for (const DiskScenario& disk : scenario_->disks) {
    if (disk.write_file && !disk.read_only) {
      return fail(
          fmt::format("disk \"{}\" writes to its file, and what is written cannot be taken back; step "
                      "with --set disk.{}.write=false",
                      disk.name, disk.name));
    }
  }
  options.stop_requested = &stop_requested_;
  options.slice_max = kSliceMax;
  options.on_turn = [this] { on_turn(); };
  options.on_console = [this](const std::string& console, std::span<const uint8_t> bytes) {
    if (run_.quiet) return;
    channel_.send(
        {{"event", "console"}, {"console", console}, {"text", std::string(bytes.begin(), bytes.end())}});
  };
  options.taps_behind.push_back(this);
  auto machine = Machine::create(*scenario_, options);
  if (!machine) return tl::unexpected(machine.error());
  machine_ = std::move(*machine);
  if (!wanted.record_to.empty()) remember_folder(*scenario_);
  return {};
}

void ControlServer::run_to_end() {
  started_ = true;
  auto report = machine_->run();
  inside_ = false;
  crossing_ = nullptr;
  if (report) {
    ended_ = report_json(*report);
  } else {
    ended_ = Json{{"exit_code", static_cast<int>(report.error().code)}, {"reason", report.error().message}};
  }
  for (;;) {
    stop("ended", {{"report", *ended_}});
    // Asked to go on, it says again that it has ended.
  }
}

// --- Requests ---

void ControlServer::answer_requests() {
  for (;;) {
    // What a slow receiver has not taken goes out meanwhile.
    ControlChannel::Beside feed;
    if (feed_ && feed_->has_unsent()) feed = {feed_->descriptor(), POLLOUT};
    auto line = channel_.receive(ControlChannel::Wait::yes, feed);
    if (!line) {
      if (!channel_.is_open()) _exit(0);
      if (feed_) feed_->flush();
      continue;
    }
    bool goes_on = false;
    try {
      goes_on = answer(line->json);
    } catch (const Json::exception& error) {
      reply(line->json, {{"error", fmt::format("the request is malformed: {}", error.what())}});
    }
    if (goes_on) return;
  }
}

void ControlServer::reply(const Json& request, Json answer) {
  Json whole = Json::object();
  if (request.is_object() && request.contains("id")) whole["id"] = request["id"];
  whole.update(answer);
  channel_.send(whole);
}

bool ControlServer::answer(const Json& request) {
  const std::string what = request.is_object() ? request.value("do", "") : "";
  if (what == "run") return start_run(request);
  if (what == "stop") return false;  // it stands already
  if (what == "quit") _exit(0);
  if (what == "where") {
    reply(request, where());
  } else if (what == "view") {
    const bool ninep = request.value("name", "") == "9p";
    reply(request, ninep ? conversations_.view(request.value("subject", "")) : view_in_child(request));
  } else if (what == "wires") {
    Json list = Json::array();
    for (const Wire* wire : wires_) list.push_back(wire->name());
    reply(request, {{"wires", list}});
  } else if (what == "faults") {
    reply(request, fault_actions(request));
  } else if (what == "checkpoint") {
    if (checkpoint()) return true;
    reply(request, Json::object());
  } else if (what == "input") {
    if (replayer_) {
      reply(request, {{"error", "a replay takes its input from the recording"}});
      return false;
    }
    reply(request, take_given(request));
  } else if (what == "inputs") {
    scheduled_.clear();
    given_.clear();  // of another history, or among these
    for (const Json& input : request.at("inputs")) {
      scheduled_.push_back({Tick{input.at("at_ps").get<uint64_t>()},
                            {input.at("wire"), bytes_from_hex(input.at("bytes").get<std::string>())}});
    }
    reply(request, Json::object());
  } else if (what == "finish") {
    // The recording becomes whole: the run ends at its next turn.
    pending_ = request;
    run_ = {};
    run_.until = Tick{request.value("at_ps", uint64_t{0})};
    judge_wires();
    finishing_ = true;
    return true;
  } else {
    reply(request, {{"error", fmt::format("there is no request '{}'", what)}});
  }
  return false;
}

Json ControlServer::position() const {
  const Clock& clock = machine_->clock();
  return {{"crossing", ordinal_},
          {"inside", inside_},
          {"at_ps", clock.now.ps},
          {"instructions", clock.instructions},
          {"sequence", inside_ ? sequence_ : machine_->wiring().last_sequence()},
          {"passed", std::max(machine_->wiring().last_sequence(), highest_sequence_)},
          {"started", started_}};
}

// The digests are of everything that decides what comes, so equal ones mean that the same comes.
Json ControlServer::where() {
  Json json{{"position", position()}};
  json["crossings_hash"] = fmt::format("{:016x}", hash_.value());
  json["crossings"] = hash_.count();
  const MachineDigest digest = machine_->digest();
  json["state"] = fmt::format("{:016x}", digest.state);
  json["memory"] = fmt::format("{:016x}", digest.memory);
  json["crossing"] = inside_ ? crossing_ : Json(nullptr);
  if (ended_) json["report"] = *ended_;
  if (replayer_) {
    json["replay"] = {{"digests", replayer_->digests_compared()}};
    if (const auto& divergence = replayer_->divergence())
      json["replay"]["divergence"] = divergence_json(*divergence);
  }
  return json;
}

// --- Stopping ---

void ControlServer::stop(std::string_view reason, Json more) {
  if (feed_) feed_->flush();
  if (pending_) {
    Json answer{{"stopped", reason}, {"position", position()}};
    if (inside_) answer["crossing"] = crossing_;
    if (run_.scan) answer["last"] = scanned_;
    if (replayer_ && replayer_->divergence())
      answer["divergence"] = divergence_json(*replayer_->divergence());
    if (!more.is_null()) answer.update(more);
    const Json request = *std::exchange(pending_, std::nullopt);
    reply(request, std::move(answer));
  }
  answer_requests();
}

void ControlServer::look_for_requests() {
  if (!take_attention()) return;
  while (auto line = channel_.receive(ControlChannel::Wait::no)) {
    const std::string what = line->json.is_object() ? line->json.value("do", "") : "";
    if (what == "stop") {
      stop("asked");
    } else if (what == "quit") {
      _exit(0);
    } else {
      reply(line->json, {{"error", "the machine is running: ask it to stop first"}});
    }
  }
  if (!channel_.is_open()) _exit(0);
}

void ControlServer::on_turn() {
  if (finishing_) {
    stop_requested_ = machine_->clock().now >= run_.until;
    return;
  }
  if (!pending_) return;
  inside_ = false;
  crossing_ = nullptr;
  if (feed_) feed_->flush_if_due();
  beat();
  if (machine_->clock().now >= run_.until) {
    stop("time");
  } else if (!run_.quiet && !replayer_ && is_idle()) {
    stop("idle");
  } else {
    look_for_requests();
  }
}

// The time to stop at is no event of the machine's.
bool ControlServer::is_idle() {
  asks_whether_idle_ = run_.stops_idle;
  const bool idle = machine_->waits_for_input();
  asks_whether_idle_ = false;
  return idle;
}

void ControlServer::beat() {
  if (run_.heartbeat.count() == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (now - beat_at_ < run_.heartbeat) return;
  beat_at_ = now;
  channel_.send({{"event", "position"}, {"position", position()}});
}

// --- Input ---

// A fault is tried before it becomes an input, so that an error is said to who gave it.
Json ControlServer::take_given(const Json& request) {
  const std::string wire = request.at("wire");
  std::vector<uint8_t> bytes = bytes_from_hex(request.at("bytes").get<std::string>());
  if (wire == kFaultWire) {
    const auto fault = parse_fault({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (!fault) return {{"error", fault.error().message}};
    if (const auto tried = machine_->faults().try_on(*fault); !tried)
      return {{"error", tried.error().message}};
  }
  given_.push_back({wire, std::move(bytes)});
  // Whatever was known to come behind this place, comes no more.
  if (feed_) feed_->begin_history(std::max(machine_->wiring().last_sequence(), highest_sequence_));
  if (feed_) feed_->flush();
  return Json::object();
}

// What may be done to crossings of a wire, as texts that a fault takes behind its place.
Json ControlServer::fault_actions(const Json& request) {
  const std::string name = request.at("wire");
  const Wire* wire = machine_->wiring().find(name);
  if (wire == nullptr) return {{"error", fmt::format("there is no wire '{}'", name)}};
  return {{"actions", machine_->faults().actions_of(*wire)}};
}

// What is given is delivered at the first turn of the run loop at a later time than the last one, which is
// where a run that knows it before stops for it.
Tick ControlServer::next_tick() const {
  if (!given_.empty()) return last_turn_ ? *last_turn_ + picoseconds(1) : Tick{0};
  const Tick known = scheduled_.empty() ? Tick::never() : scheduled_.front().at;
  // A turn of the loop at the time to stop at.
  const bool is_ahead = machine_ && !asks_whether_idle_ && machine_->clock().now < run_.until;
  const Tick until = is_ahead ? run_.until : Tick::never();
  return std::min(known, until);
}

std::optional<PendingInput> ControlServer::take(Tick now, uint64_t instructions) {
  if (!scheduled_.empty() && scheduled_.front().at <= now) {
    PendingInput input = std::move(scheduled_.front().input);
    scheduled_.pop_front();
    return input;
  }
  const bool first_turn_now = !last_turn_ || now > *last_turn_;
  if (given_.empty() || !first_turn_now) {
    last_turn_ = now;
    return std::nullopt;
  }
  PendingInput input = std::move(given_.front());
  given_.pop_front();
  channel_.send({{"event", "input"},
                 {"at_ps", now.ps},
                 {"instructions", instructions},
                 {"crossing", ordinal_},
                 {"wire", input.wire},
                 {"bytes", hex_of(input.bytes)}});
  return input;
}

}  // namespace ringside
