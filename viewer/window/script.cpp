#include "viewer/window/script.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

namespace ringside::viewer {

namespace {

// A command's first word, how many more it needs at least, and how many frames are drawn behind it.
struct Form {
  std::string_view name;
  size_t words;
  int frames;
};
constexpr Form kForms[] = {
    {"key", 1, 2},    {"type", 1, 2},  {"click", 1, 3},   {"double-click", 1, 3}, {"right-click", 1, 3},
    {"move", 1, 2},   {"drag", 2, 2},  {"wheel", 2, 2},   {"frames", 1, 0},       {"wait", 3, 0},
    {"expect", 3, 0}, {"print", 0, 0}, {"picture", 1, 2}, {"svg", 1, 2},          {"expect-color", 3, 0},
    {"areas", 0, 0},  {"size", 1, 4},  {"quit", 0, 0},    {"live", 1, 2},
};
constexpr double kWaitSeconds = 30;

const Form* form_of(std::string_view name) {
  for (const Form& form : kForms) {
    if (form.name == name) return &form;
  }
  return nullptr;
}

std::vector<std::string> words_of_line(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

void push_motion(Point at) {
  SDL_Event event{};
  event.type = SDL_MOUSEMOTION;
  event.motion.x = static_cast<int>(at.x);
  event.motion.y = static_cast<int>(at.y);
  SDL_PushEvent(&event);
}

void push_button(Point at, bool down, uint8_t button, uint8_t clicks) {
  SDL_Event event{};
  event.type = down ? SDL_MOUSEBUTTONDOWN : SDL_MOUSEBUTTONUP;
  event.button.button = button;
  event.button.clicks = clicks;
  event.button.x = static_cast<int>(at.x);
  event.button.y = static_cast<int>(at.y);
  SDL_PushEvent(&event);
}

void push_text(const std::string& text) {
  for (size_t at = 0; at < text.size(); at += SDL_TEXTINPUTEVENT_TEXT_SIZE - 8) {
    SDL_Event event{};
    event.type = SDL_TEXTINPUT;
    text.copy(event.text.text, SDL_TEXTINPUTEVENT_TEXT_SIZE - 8, at);
    SDL_PushEvent(&event);
  }
}

bool push_key(std::string name) {
  uint16_t modifiers = 0;
  for (const auto& [prefix, bit] :
       {std::pair{"Ctrl+", KMOD_LCTRL}, std::pair{"Shift+", KMOD_LSHIFT}, std::pair{"Alt+", KMOD_LALT}}) {
    if (!name.starts_with(prefix) || name.size() == std::string_view(prefix).size()) continue;
    name.erase(0, std::string_view(prefix).size());
    modifiers |= static_cast<uint16_t>(bit);
  }
  const SDL_Keycode code = SDL_GetKeyFromName(name.c_str());
  if (code == SDLK_UNKNOWN) return false;
  for (const auto type : {SDL_KEYDOWN, SDL_KEYUP}) {
    SDL_Event event{};
    event.type = type;
    event.key.keysym.sym = code;
    event.key.keysym.scancode = SDL_GetScancodeFromKey(code);
    event.key.keysym.mod = type == SDL_KEYDOWN ? modifiers : 0;
    SDL_PushEvent(&event);
  }
  return true;
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Color> color_of(const Theme& theme, const std::string& name) {
  if (name.size() == 7 && name[0] == '#')
    return rgb(static_cast<uint32_t>(std::strtoul(name.c_str() + 1, nullptr, 16)));
  const std::pair<std::string_view, Color> known[] = {{"window", theme.window},
                                                      {"panel", theme.panel},
                                                      {"raised", theme.raised},
                                                      {"text", theme.text},
                                                      {"accent", theme.accent},
                                                      {"cursor", theme.cursor},
                                                      {"selection", theme.selection},
                                                      {"fault", theme.fault},
                                                      {"notice", theme.notice},
                                                      {"violation", theme.violation},
                                                      {"good", theme.good},
                                                      {"bad", theme.bad},
                                                      {"slot_empty", theme.slot_empty},
                                                      {"slot_published", theme.slot_published},
                                                      {"slot_taken", theme.slot_taken},
                                                      {"slot_answered", theme.slot_answered},
                                                      {"message", theme.message},
                                                      {"call", theme.call},
                                                      {"signal", theme.signal},
                                                      {"sampled", theme.sampled}};
  for (const auto& [role, color] : known) {
    if (role == name) return color;
  }
  return std::nullopt;
}

}  // namespace

tl::unexpected<Error> Script::wrong(const Command& command, const std::string& what) const {
  return tl::unexpected(
      Error{ExitCode::expectation_failed, fmt::format("{}:{}: {}", name_, command.line, what)});
}

Result<Script> Script::load(const std::string& path) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file) return fail(fmt::format("the script '{}' cannot be read", path));
  }
  std::istream& in = path == "-" ? std::cin : file;
  Script script;
  script.name_ = path == "-" ? "standard input" : path;
  std::string line;
  for (unsigned number = 1; std::getline(in, line); ++number) {
    Command command;
    command.line = number;
    command.words = words_of_line(line);
    if (command.words.empty() || command.words[0].starts_with('#')) continue;
    const Form* form = form_of(command.words[0]);
    if (form == nullptr)
      return fail(fmt::format("{}:{}: there is no command '{}'", path, number, command.words[0]));
    if (command.words.size() <= form->words)
      return fail(fmt::format("{}:{}: '{}' needs {} more words", path, number, command.words[0],
                              form->words - command.words.size() + 1));
    const size_t begin = line.find(command.words[0]) + command.words[0].size();
    const size_t rest = line.find_first_not_of(" \t", begin);
    if (rest != std::string::npos) command.rest = line.substr(rest);
    script.commands_.push_back(std::move(command));
  }
  return script;
}

Result<> Script::step(App& app, double seconds) {
  for (const std::string& what : std::exchange(later_, {})) {
    push_button(released_at_, false, what == "right" ? SDL_BUTTON_RIGHT : SDL_BUTTON_LEFT, 1);
    frames_left_ = std::max(frames_left_, 2);
  }
  if (frames_left_ > 0) {
    --frames_left_;
    return {};
  }
  while (!is_done() && frames_left_ == 0 && later_.empty()) {
    const Command& command = commands_[next_];
    if (command.words[0] == "wait") {
      const auto is_so = holds(command, app, 1);
      if (!is_so) return tl::unexpected(is_so.error());
      if (!*is_so) {
        waited_ += seconds;
        const auto limit = command.words.size() > 4 ? number_of(command.words[4]) : std::nullopt;
        if (waited_ < limit.value_or(kWaitSeconds)) return {};
        std::string now = "nothing";
        for (const auto& [name, value] : app.facts()) {
          if (name == command.words[1]) now = "'" + value + "'";
        }
        return wrong(command, fmt::format("waited for {:.0f} s; {} is {}", waited_, command.words[1], now));
      }
      waited_ = 0;
      ++next_;
      continue;
    }
    ++next_;
    SIM_TRY(execute(command, app));
    frames_left_ = std::max(frames_left_, form_of(command.words[0])->frames);
  }
  return {};
}

// "timeline:lane/3", the same with a part of the area behind it ("rings:slot/3@0.5,0.9"), or "120,340".
Result<Point> Script::place(const Command& command, App& app, const std::string& word) const {
  const auto pair = [](const std::string& text) -> std::optional<Point> {
    const size_t comma = text.find(',');
    if (comma == std::string::npos) return std::nullopt;
    const auto x = number_of(text.substr(0, comma)), y = number_of(text.substr(comma + 1));
    if (!x || !y) return std::nullopt;
    return Point{static_cast<float>(*x), static_cast<float>(*y)};
  };
  if (const auto at = pair(word)) return *at;
  std::string name = word;
  Point part{0.5F, 0.5F};
  if (const size_t at_sign = word.rfind('@'); at_sign != std::string::npos) {
    if (const auto given = pair(word.substr(at_sign + 1))) {
      part = *given;
      name = word.substr(0, at_sign);
    }
  }
  // Names of tabs have blanks in them; a script writes _ for them.
  auto found = app.areas().find(name);
  if (found == app.areas().end()) {
    std::replace(name.begin(), name.end(), '_', ' ');
    found = app.areas().find(name);
  }
  if (found == app.areas().end()) {
    std::string near;
    const std::string panel = name.substr(0, name.find(':'));
    for (const auto& [known, area] : app.areas()) {
      if (known.starts_with(panel + ":") && near.size() < 300) near += " " + known;
    }
    return wrong(command, fmt::format("there is no area '{}' in sight; there are{}", name, near));
  }
  const Rect& area = found->second;
  return Point{area.x + area.w * part.x, area.y + area.h * part.y};
}

Result<bool> Script::holds(const Command& command, App& app, size_t first) const {
  const std::string &name = command.words[first], &op = command.words[first + 1];
  // The value is the rest of the line, but that a wait may have seconds behind it.
  std::string value = command.words[first + 2];
  if (command.words[0] == "expect") {
    value = command.rest.substr(command.rest.find(op, name.size()) + op.size());
    value.erase(0, value.find_first_not_of(' '));
  }
  if (value == "\"\"") value.clear();
  const auto facts = app.facts();
  const auto found =
      std::find_if(facts.begin(), facts.end(), [&](const auto& fact) { return fact.first == name; });
  const std::string is = found == facts.end() ? "" : found->second;
  if (op == "~") return is.find(value) != std::string::npos;
  if (op == "!~") return is.find(value) == std::string::npos;
  const auto left = number_of(is), right = number_of(value);
  if (op == "==") return left && right ? *left == *right : is == value;
  if (op == "!=") return left && right ? *left != *right : is != value;
  if (op != "<" && op != ">" && op != "<=" && op != ">=")
    return wrong(command, fmt::format("there is no operator '{}'", op));
  if (!left || !right) return false;
  if (op == "<") return *left < *right;
  if (op == ">") return *left > *right;
  return op == "<=" ? *left <= *right : *left >= *right;
}

// expect-color AREA COLOR PART: at least such a part of the area's pixels has about that colour.
Result<> Script::expect_color(const Command& command, App& app) const {
  const auto found = app.areas().find(command.words[1]);
  const auto color = color_of(app.theme(), command.words[2]);
  const auto part = number_of(command.words[3]);
  if (found == app.areas().end())
    return wrong(command, fmt::format("there is no area '{}' in sight", command.words[1]));
  if (!color || !part)
    return wrong(command, "expect-color AREA COLOR PART: a role of the theme or #rrggbb, and 0 to 1");
  const auto pixels = app.window().read_pixels();
  const float scale = static_cast<float>(app.window().drawable_width()) /
                      static_cast<float>(std::max(app.window().width(), 1));
  const auto width = app.window().drawable_width(), height = app.window().drawable_height();
  const auto edge = [scale](float at, int most) { return std::clamp(static_cast<int>(at * scale), 0, most); };
  const Rect& area = found->second;
  uint64_t all = 0, matching = 0;
  for (int y = edge(area.y, height); y < edge(area.bottom(), height); ++y) {
    for (int x = edge(area.x, width); x < edge(area.right(), width); ++x) {
      const uint8_t* const pixel =
          &pixels[(static_cast<size_t>(y) * static_cast<size_t>(width) + static_cast<size_t>(x)) * 3];
      constexpr int kTolerance = 24;
      ++all;
      matching += std::abs(pixel[0] - color->r) <= kTolerance &&
                  std::abs(pixel[1] - color->g) <= kTolerance && std::abs(pixel[2] - color->b) <= kTolerance;
    }
  }
  const double share = all == 0 ? 0 : static_cast<double>(matching) / static_cast<double>(all);
  if (share < *part)
    return wrong(command, fmt::format("{:.4f} of {} is {}, which should be {} at least", share,
                                      command.words[1], command.words[2], *part));
  return {};
}

// live step GLOB, back GLOB, fault SPEC, type WIRE TEXT, save FILE, run, pause: what the live bar and its
// menus do.
Result<> Script::execute_live(const Command& command, App& app) const {
  LiveMachine* const machine = app.view().live();
  if (machine == nullptr) return wrong(command, "there is no machine");
  const std::string& what = command.words[1];
  std::string rest = command.rest.substr(what.size());
  rest.erase(0, rest.find_first_not_of(' '));
  if (what == "run") {
    machine->run(0);
  } else if (what == "pause") {
    machine->pause();
  } else if (rest.empty()) {
    return wrong(command, fmt::format("live {} of what?", what));
  } else if (what == "step") {
    machine->step(rest);
  } else if (what == "back") {
    machine->back(rest);
  } else if (what == "fault") {
    machine->fault(rest);
  } else if (what == "save") {
    machine->save(rest);
  } else if (what == "type") {
    const size_t blank = rest.find(' ');
    if (blank == std::string::npos) return wrong(command, "live type WIRE TEXT");
    machine->type(rest.substr(0, blank), rest.substr(blank + 1) + "\r");
  } else {
    return wrong(command, fmt::format("there is no 'live {}'", what));
  }
  return {};
}

Result<> Script::execute(const Command& command, App& app) {
  const std::string& name = command.words[0];
  if (name == "key") {
    if (!push_key(command.words[1]))
      return wrong(command, fmt::format("there is no key '{}'", command.words[1]));
  } else if (name == "type") {
    push_text(command.rest);
  } else if (name == "click" || name == "double-click" || name == "right-click" || name == "move") {
    const auto at = place(command, app, command.words[1]);
    if (!at) return tl::unexpected(at.error());
    push_motion(*at);
    released_at_ = *at;
    if (name == "move") return {};
    const bool is_right = name == "right-click";
    push_button(*at, true, is_right ? SDL_BUTTON_RIGHT : SDL_BUTTON_LEFT, name == "double-click" ? 2 : 1);
    later_.emplace_back(is_right ? "right" : "left");
  } else if (name == "drag") {
    const auto from = place(command, app, command.words[1]), to = place(command, app, command.words[2]);
    if (!from) return tl::unexpected(from.error());
    if (!to) return tl::unexpected(to.error());
    // Pressed in one frame, moved in the next ones: as a hand does it.
    push_motion(*from);
    push_button(*from, true, SDL_BUTTON_LEFT, 1);
    const auto draw = [&app] {
      SDL_Event event;
      while (SDL_PollEvent(&event) != 0) app.give(event);
      app.frame(0.016);
    };
    draw();
    for (const float part : {0.5F, 1.0F}) {
      push_motion({from->x + (to->x - from->x) * part, from->y + (to->y - from->y) * part});
      draw();
    }
    released_at_ = *to;
    later_.emplace_back("left");
  } else if (name == "wheel") {
    const auto at = place(command, app, command.words[1]);
    const auto turns = number_of(command.words[2]);
    if (!at) return tl::unexpected(at.error());
    push_motion(*at);
    SDL_Event event{};
    event.type = SDL_MOUSEWHEEL;
    event.wheel.preciseY = static_cast<float>(turns.value_or(0));
    event.wheel.y = static_cast<int>(turns.value_or(0));
    SDL_PushEvent(&event);
  } else if (name == "frames") {
    frames_left_ = static_cast<int>(std::clamp(number_of(command.words[1]).value_or(1), 1.0, 10000.0));
  } else if (name == "expect") {
    const auto is_so = holds(command, app, 1);
    if (!is_so) return tl::unexpected(is_so.error());
    if (!*is_so) {
      std::string is = "nothing";
      for (const auto& [fact, value] : app.facts()) {
        if (fact == command.words[1]) is = "'" + value + "'";
      }
      return wrong(command, fmt::format("expected {}; it is {}", command.rest, is));
    }
  } else if (name == "print") {
    for (const auto& [fact, value] : app.facts()) {
      if (fact.starts_with(command.rest)) fmt::print("{}={}\n", fact, value);
    }
    std::fflush(stdout);
  } else if (name == "areas") {
    for (const auto& [area, rect] : app.areas()) {
      if (area.starts_with(command.rest))
        fmt::print("{} {:.0f},{:.0f} {:.0f}x{:.0f}\n", area, rect.x, rect.y, rect.w, rect.h);
    }
    std::fflush(stdout);
  } else if (name == "picture") {
    app.export_picture(command.rest, {});
  } else if (name == "svg") {
    app.export_picture({}, command.rest);
  } else if (name == "expect-color") {
    return expect_color(command, app);
  } else if (name == "size") {
    int width = 0, height = 0;
    if (std::sscanf(command.words[1].c_str(), "%dx%d", &width, &height) != 2 || width < 100 || height < 100)
      return wrong(command, "size WIDTHxHEIGHT");
    SDL_SetWindowSize(app.window().sdl(), width, height);
  } else if (name == "live") {
    return execute_live(command, app);
  } else if (name == "quit") {
    next_ = commands_.size();
  }
  return {};
}

}  // namespace ringside::viewer
