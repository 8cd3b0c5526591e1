// ringside-view: what `ringside view` becomes.
#include <fmt/format.h>

#include <chrono>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <filesystem>

#include "machine/machine.h"
#include "sim/session/reader.h"
#include "viewer/window/app.h"
#include "viewer/window/benchmark.h"
#include "viewer/window/options.h"
#include "viewer/window/script.h"

namespace ringside::viewer {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kFrameTime(8);

// What the command line says of where to look, once everything has been read.
Result<> look(const Options& options, ViewState& view) {
  if (!options.at.empty()) {
    const auto place = parse_place(options.at, view.table());
    if (!place) return tl::unexpected(place.error());
    if (place->row != kNoRow && view.table().at(place->row) == place->at) {
      view.go_to_row(place->row);
    } else {
      view.go_to_time(place->at);
    }
  }
  if (!options.range.empty()) SIM_TRY(show_given_range(options.range, view));
  if (!options.wire.empty()) {
    for (uint32_t i = 0; i < view.table().wires().size() && !view.selected_wire(); ++i) {
      if (wire_matches(options.wire, view.table().wires()[i].name)) view.select_wire(i);
    }
    if (!view.selected_wire()) return fail(fmt::format("--wire {}: no wire matches", options.wire));
  }
  view.selected_ring = options.ring;
  if (!options.filter.empty()) {
    view.filter_text = options.filter;
    view.apply_filter();
    if (!view.filter_error().empty()) return fail("--filter: " + view.filter_error());
    while (!view.filter_done()) view.update(0);
  }
  if (options.note > 0) view.go_to_note(options.note - 1);
  return {};
}

void read_all(ViewState& view) {
  while (!view.session().is_read()) view.update(0);
  while (view.update(0)) {
  }
}

volatile std::sig_atomic_t interrupted = 0;

Result<> run_window(const Options& options, App& app) {
  std::optional<Script> script;
  if (!options.script.empty()) {
    auto loaded = Script::load(options.script);
    if (!loaded) return tl::unexpected(loaded.error());
    script = std::move(*loaded);
  }
  bool looked = options.at.empty() && options.range.empty() && options.wire.empty() &&
                options.filter.empty() && options.ring.empty() && options.note == 0;
  auto last = Clock::now();
  bool moves = true;
  int still = 0;  // frames since the last event
  while (interrupted == 0) {
    SDL_Event event;
    bool goes_on = true, has_event = false;
    const auto take = [&] {
      has_event = true;
      still = 0;
      goes_on = app.give(event) && goes_on;
    };
    // Nothing moves: wait for an event, but look now and then whether a file has grown or a machine has news.
    const bool hurries = moves || script || still < 3;
    if (!hurries && SDL_WaitEventTimeout(&event, 100) != 0) take();
    while (SDL_PollEvent(&event) != 0) take();
    if (!goes_on) break;
    const double seconds = std::chrono::duration<double>(Clock::now() - last).count();
    last = Clock::now();
    if (!hurries && !has_event && !app.view().update(seconds)) continue;
    if (script) {
      SIM_TRY(script->step(app, seconds));
      if (script->is_done() && still > 3) break;
    }
    moves = app.frame(seconds);
    ++still;
    // Where the display does not hold frames back.
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - last);
    if (!script && app.view().session().is_read() && spent < kFrameTime)
      SDL_Delay(static_cast<uint32_t>((kFrameTime - spent).count()));
    if (!looked && app.view().session().is_read()) {
      looked = true;
      SIM_TRY(look(options, app.view()));
      still = 0;
    }
  }
  return {};
}

Result<> wait_for_machine(App& app) {
  using State = LiveMachine::State;
  const LiveMachine& machine = *app.view().live();
  while (machine.state() != State::paused && machine.state() != State::ended) {
    if (machine.state() == State::failed) return fail(machine.reason());
    if (interrupted != 0) return fail("interrupted");
    app.view().update(0);
    SDL_Delay(1);
  }
  return {};
}

Result<> take_picture(const Options& options, App& app) {
  // A scenario is run to its end first; registers are got where they are to be shown.
  if (app.view().is_live) {
    SIM_TRY(wait_for_machine(app));
    app.view().live()->run(0);
    SIM_TRY(wait_for_machine(app));
  }
  read_all(app.view());
  SIM_TRY(look(options, app.view()));
  if (app.layout() == "cpu" && app.view().cursor().row != kNoRow) {
    app.view().bring_machine_here();
    SIM_TRY(wait_for_machine(app));
  }
  // What glides is where it belongs after a second.
  for (int i = 0; i < 20; ++i) app.frame(0.1, false);
  app.export_picture(options.screenshot, options.svg);
  app.frame(0.1, false);
  if (!app.view().status.starts_with("written")) return fail(app.view().status);
  return {};
}

Result<> view(const Options& options) {
  Settings settings;
  bool may_keep_settings = options.script.empty();
  if (options.screenshot.empty() && options.svg.empty() && !options.is_benchmark) {
    auto kept = load_settings();
    if (!kept) {
      // Somebody's file is not written over because it cannot be read.
      may_keep_settings = false;
      fmt::print(stderr, "ringside: {}\n", kept.error().message);
    } else {
      settings = std::move(*kept);
    }
  }
  WindowOptions window_options{settings.width, settings.height};
  if (!options.size.empty()) {
    const auto size = parse_size(options.size);
    if (!size) return tl::unexpected(size.error());
    std::tie(window_options.width, window_options.height) = *size;
  }
  window_options.is_offscreen = !options.screenshot.empty() || !options.svg.empty();
  window_options.is_fullscreen = options.is_fullscreen;
  window_options.scale = options.scale;
  if (options.is_light) settings.is_light = true;

  // Before there is a window: see live_machine.h. A scenario needs it, a session may.
  auto live = LiveMachine::prepare();
  if (!live) return tl::unexpected(live.error());
  std::unique_ptr<ViewedSession> session;
  std::optional<MachineRequest> to_run;
  const double cpu_before = cpu_seconds();
  if (is_session_file(options.target)) {
    if (!options.settings.empty())
      return fail("--set changes a scenario; a session is shown as it was recorded");
    auto opened = ViewedSession::open(options.target);
    if (!opened) return tl::unexpected(opened.error());
    session = std::move(*opened);
  } else {
    std::error_code error;
    if (std::filesystem::is_regular_file(options.target, error) && !options.target.ends_with(".toml")) {
      // A file that is neither: the session's reader says best what it is.
      auto opened = ViewedSession::open(options.target);
      if (!opened) return tl::unexpected(opened.error());
    }
    auto overrides = parse_settings(options.settings);
    if (!overrides) return tl::unexpected(overrides.error());
    auto scenario = load_scenario(options.target, *overrides);
    if (!scenario) return tl::unexpected(scenario.error());
    to_run.emplace();
    to_run->path = options.target;
    to_run->overrides = std::move(*overrides);
    SessionHeader header;
    header.scenario_name = scenario->name;
    header.scenario_text = scenario->text;
    header.seed = scenario->seed;
    header.notes = scenario->notes;
    session = ViewedSession::make_live(std::move(header));
  }

  auto window = Window::open(window_options, "Ringside: " + session->header().scenario_name);
  if (!window) return tl::unexpected(window.error());
  ViewState state(std::move(session), live->get());
  if (to_run) {
    state.is_live = true;
    (*live)->start(*to_run, &state.session());
  }
  App app(**window, state, settings);
  std::string layout = options.layout;
  if (layout.empty() && state.lesson().is_there()) layout = "lesson";
  if (layout.empty()) layout = find_layout(settings.layout) != nullptr ? settings.layout : "overview";
  SIM_TRY(app.set_layout(layout));
  if (options.is_presentation) app.toggle_presentation();
  if (options.shows_help) app.toggle_help();

  if (options.is_benchmark) {
    read_all(state);
    app.frame(0.016);
    return run_benchmark(app, cpu_seconds() - cpu_before);
  }
  if (window_options.is_offscreen) return take_picture(options, app);
  SIM_TRY(run_window(options, app));
  return may_keep_settings ? save_settings(app.settings()) : Result<>{};
}

void add_options(CLI::App& app, Options& options) {
  app.add_option("target", options.target, "A recorded session, or a scenario (as for run) to run live")
      ->required();
  app.add_option("--layout", options.layout,
                 "What is shown: overview, rings, list, events, grants, store, 9p, cpu, lesson");
  app.add_option("--at", options.at, "Where the cursor is: 1.5ms, #12, ring/xvda/request@3, end");
  app.add_option("--range", options.range, "What the timeline shows: 2ms..3ms, 2ms+500us, 500us");
  app.add_option("--wire", options.wire, "Choose this wire (a glob)");
  app.add_option("--ring", options.ring, "Show this ring, such as dom1/ring/xvda");
  app.add_option("--step", options.note, "Of a lesson: begin with this step")->check(CLI::Range(1, 1000));
  app.add_option("--filter", options.filter, "Begin with this filter");
  app.add_option("--set", options.settings, "Of a scenario: change a value: key=value (repeatable)")
      ->allow_extra_args(false);
  app.add_option("--screenshot", options.screenshot, "Write a PNG file, and show no window");
  app.add_option("--svg", options.svg, "The same as SVG");
  app.add_option("--size", options.size, "The window's, or the picture's: 1280x720");
  app.add_option("--scale", options.scale, "Everything so many times as large")->check(CLI::Range(0.5, 4.0));
  app.add_flag("--presentation", options.is_presentation, "Large type, black on white");
  app.add_flag("--light", options.is_light, "Dark on light");
  app.add_flag("--fullscreen", options.is_fullscreen, "The whole screen");
  app.add_flag("--keys", options.shows_help, "Begin with the page of keys");
  app.add_option("--script", options.script,
                 "Do what this file says, then end (docs/viewer.md); - is standard input");
  app.add_flag("--benchmark", options.is_benchmark, "Measure, and print JSON");
  app.footer(
      "In the window, ? shows the keys. Panes can be dragged, split and changed by their\n"
      "titles; they are remembered. What a session does not hold (registers, memory) is\n"
      "got by running it again up to the cursor.\n\n"
      "Examples:\n"
      "  ringside view a.pcapng\n"
      "  ringside view blk-read                 run it, pause, step, inject faults\n"
      "  ringside view lost-interrupt --layout lesson --presentation\n"
      "  ringside view a.pcapng --at ring/xvda/request@3 --layout rings \\\n"
      "      --screenshot ring.png --size 1280x720");
}

int run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGINT, SIGTERM}) std::signal(number, [](int) { interrupted = 1; });
  CLI::App app{"Look at a session, or run a scenario, in a window", "ringside view"};
  Options options;
  add_options(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    fmt::print(stderr, "ringside: {}; see ringside view --help\n", error.what());
    return static_cast<int>(ExitCode::bad_input);
  }
  const auto done = view(options);
  if (done) return 0;
  fmt::print(stderr, "ringside: {}\n", done.error().message);
  return static_cast<int>(done.error().code);
}

}  // namespace

}  // namespace ringside::viewer

int main(int argc, char** argv) { return ringside::viewer::run(argc, argv); }
