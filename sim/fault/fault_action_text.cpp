#include "sim/fault/fault_action_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sim/near_names.h"

namespace ringside {

namespace {

struct KnownAction {
  FaultKind kind;
  std::string_view name;
  size_t arguments_min, arguments_max;
  std::string_view usage;
};

constexpr size_t kAnyNumber = 64;
constexpr std::array<KnownAction, 11> kActions{{
    {FaultKind::drop, "drop", 0, 0, "drop"},
    {FaultKind::duplicate, "duplicate", 0, 0, "duplicate"},
    {FaultKind::delay, "delay", 1, 1, "delay(1ms)"},
    {FaultKind::reorder, "reorder", 1, 1, "reorder(1): behind so many later crossings"},
    {FaultKind::corrupt, "corrupt", 2, 2,
     "corrupt(FIELD, VALUE), corrupt(OFFSET, BYTE), or 'flip' as the value"},
    {FaultKind::fail, "fail", 1, 1, "fail(-5) or fail(EIO)"},
    {FaultKind::truncate, "truncate", 1, 1, "truncate(8): to so many bytes"},
    {FaultKind::stall, "stall", 0, 1, "stall or stall(10ms)"},
    {FaultKind::crash, "crash", 0, 1, "crash or crash(10ms): until it is back"},
    {FaultKind::spurious, "spurious", 0, kAnyNumber, "spurious or spurious(FIELD=VALUE, ...)"},
    {FaultKind::rewrite, "rewrite", 2, 3, "rewrite(FIELD, VALUE) or rewrite(FIELD, VALUE, 1us)"},
}};

// Where Linux and Xen have one number for it.
constexpr std::array<std::pair<std::string_view, int>, 18> kErrors{{{"EPERM", 1},
                                                                    {"ENOENT", 2},
                                                                    {"ESRCH", 3},
                                                                    {"EINTR", 4},
                                                                    {"EIO", 5},
                                                                    {"ENXIO", 6},
                                                                    {"E2BIG", 7},
                                                                    {"EAGAIN", 11},
                                                                    {"ENOMEM", 12},
                                                                    {"EACCES", 13},
                                                                    {"EFAULT", 14},
                                                                    {"EBUSY", 16},
                                                                    {"EEXIST", 17},
                                                                    {"ENODEV", 19},
                                                                    {"EINVAL", 22},
                                                                    {"ENOSPC", 28},
                                                                    {"EROFS", 30},
                                                                    {"ENOSYS", 38}}};

std::string known_words() {
  std::string words;
  for (const KnownAction& known : kActions)
    words += fmt::format("{}{}", words.empty() ? "" : ", ", known.name);
  return words;
}

class ActionReader {
 public:
  ActionReader(FaultText& text, FaultAction& action) : text_(text), action_(action) {}

  Result<> read(FaultKind kind, const std::vector<FaultWord>& arguments) {
    action_.kind = kind;
    switch (kind) {
      case FaultKind::delay:
      case FaultKind::stall:
      case FaultKind::crash: return arguments.empty() ? Result<>{} : read_time(arguments[0]);
      case FaultKind::reorder: return read_count(arguments[0], 1, 10'000);
      case FaultKind::truncate: return read_count(arguments[0], 0, UINT32_MAX);
      case FaultKind::fail: return read_code(arguments[0]);
      case FaultKind::corrupt: return read_change(arguments, true);
      case FaultKind::rewrite:
        SIM_TRY(read_change(arguments, false));
        return arguments.size() < 3 ? Result<>{} : read_time(arguments[2]);
      case FaultKind::spurious: return read_fields(arguments);
      case FaultKind::drop:
      case FaultKind::duplicate:
      case FaultKind::named: break;
    }
    return {};
  }

 private:
  Result<> read_time(const FaultWord& word) {
    const auto time = parse_tick(word.text);
    if (!time) return text_.error(word.at, time.error().message);
    if (time->ps == 0) return text_.error(word.at, "a time here must be more than 0");
    action_.time = *time;
    return {};
  }

  Result<> read_count(const FaultWord& word, uint64_t least, uint64_t most) {
    const auto number = read_number(word.text);
    if (!number || *number < least || *number > most)
      return text_.error(word.at, fmt::format("write a whole number from {} to {}", least, most));
    action_.count = *number;
    return {};
  }

  Result<> read_code(const FaultWord& word) {
    const bool negative = word.text.starts_with('-');
    for (const auto& [name, number] : kErrors) {
      if (word.text.substr(negative ? 1 : 0) == name) action_.code = -number;
    }
    if (action_.code != 0) return {};
    const auto number = read_signed_number(word.text);
    if (!number || *number == 0)
      return text_.error(word.at, "write the error as a number that is not 0, or by name: -5, EIO");
    action_.code = *number;
    return {};
  }

  Result<> read_change(const std::vector<FaultWord>& arguments, bool offset_may_be) {
    const FaultWord& place = arguments[0];
    action_.value = unquoted(arguments[1]);
    action_.flip = !arguments[1].quoted && action_.value == "flip";
    const bool is_offset = place.text[0] >= '0' && place.text[0] <= '9';
    if (!is_offset) {
      action_.field = place.text;
      return {};
    }
    const auto offset = read_number(place.text);
    if (!offset_may_be || !offset || *offset > UINT32_MAX)
      return text_.error(
          place.at, offset_may_be ? "write a field's name, or an offset in bytes" : "write a field's name");
    action_.offset = *offset;
    const auto byte = read_signed_number(action_.value);
    if (!action_.flip && (!byte || *byte < -128 || *byte > 255))
      return text_.error(arguments[1].at, "write a byte, from 0 to 255, or 'flip'");
    return {};
  }

  Result<> read_fields(const std::vector<FaultWord>& arguments) {
    for (const FaultWord& word : arguments) {
      const size_t equals = word.text.find('=');
      if (equals == word.text.npos || equals == 0 || equals + 1 == word.text.size())
        return text_.error(word.at, "write FIELD=VALUE");
      FaultText inside(word.text.substr(equals + 1));
      const FaultWord value = inside.take_value("");
      std::string_view field = word.text.substr(0, equals);
      while (field.ends_with(' ')) field.remove_suffix(1);
      action_.fields.emplace_back(field, unquoted(value));
    }
    return {};
  }

  FaultText& text_;
  FaultAction& action_;
};

// A word that is no action of ours may be a device's own; what it is shows on the wire.
Result<> read_named(FaultText& text, const FaultWord& word, FaultAction& action) {
  if (text.peek() == '(' || !text.at_end()) {
    std::vector<std::string> names;
    for (const KnownAction& known : kActions) names.emplace_back(known.name);
    const std::string near = did_you_mean(near_names(word.text, names, 1));
    return text.error(word.at, fmt::format("'{}' is no action{}; there is {}, and each device's own by name",
                                           word.text, near, known_words()));
  }
  action.kind = FaultKind::named;
  return {};
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  for (const KnownAction& known : kActions) {
    if (known.kind == kind) return known.name;
  }
  return "named";
}

Result<FaultAction> read_fault_action(FaultText& text) {
  FaultAction action;
  text.skip_spaces();
  const size_t begin = text.at();
  const FaultWord word = text.take_while(is_word_character);
  if (word.text.empty())
    return text.error(begin, fmt::format("an action is missing here: {}, or a device's own", known_words()));
  const auto known = std::find_if(kActions.begin(), kActions.end(),
                                  [&](const KnownAction& candidate) { return candidate.name == word.text; });
  if (known != kActions.end()) {
    const size_t open = text.at();
    const auto arguments = text.take_arguments();
    if (!arguments) return tl::unexpected(arguments.error());
    if (arguments->size() < known->arguments_min || arguments->size() > known->arguments_max)
      return text.error(std::min(open, text.whole().size()), fmt::format("write {}", known->usage));
    if (auto read = ActionReader(text, action).read(known->kind, *arguments); !read)
      return tl::unexpected(read.error());
  }
  action.text = text.whole().substr(begin, text.at() - begin);
  text.skip_spaces();
  if (known == kActions.end()) {
    if (auto read = read_named(text, word, action); !read) return tl::unexpected(read.error());
  }
  if (!text.at_end()) return text.error(text.at(), "nothing may follow the action");
  return action;
}

Result<FaultAction> parse_fault_action(std::string_view given) {
  FaultText text(given);
  return read_fault_action(text);
}

}  // namespace ringside
