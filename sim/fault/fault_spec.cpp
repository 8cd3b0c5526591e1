#include "sim/fault/fault_spec.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "sim/fault/fault_action_text.h"
#include "sim/fault/fault_text.h"

namespace ringside {

namespace {

constexpr size_t kLongest = 4096, kConditionsMax = 16;

class PlaceReader {
 public:
  PlaceReader(FaultText& text, FaultPlace& place) : text_(text), place_(place) {}

  Result<> read() {
    const size_t begin = text_.at();
    const FaultWord glob =
        text_.take_while([](char c) { return c != '[' && c != '@' && c != ' ' && c != ']' && c != '"'; });
    if (glob.text.empty()) return text_.error(begin, "the name of a wire is missing here");
    place_.wire = glob.text;
    if (text_.peek() == '[') SIM_TRY(read_conditions());
    while (text_.peek() == '@') {
      const size_t at = text_.at();
      text_.skip(1);
      SIM_TRY(read_selector(at + 1));
    }
    if (place_.at && (has_count_ || has_more_ || !place_.conditions.empty()))
      return text_.error(begin, "with @at(TIME) nothing else says when: leave out the other selectors");
    if (!text_.at_end() && text_.peek() != ' ')
      return text_.error(text_.at(),
                         "only [conditions], @selectors, or a space and an action may follow here");
    return {};
  }

 private:
  Result<> read_conditions() {
    const size_t open = text_.at();
    text_.skip(1);
    for (;;) {
      SIM_TRY(read_condition());
      if (text_.take("]")) return {};
      if (!text_.take(",")) return text_.error(open, "this bracket is never closed");
      if (place_.conditions.size() == kConditionsMax)
        return text_.error(text_.at(), fmt::format("there may be {} conditions", kConditionsMax));
    }
  }

  Result<> read_condition() {
    static constexpr std::array<std::pair<std::string_view, FaultOperator>, 8> kOperators{
        {{"==", FaultOperator::equal},
         {"!=", FaultOperator::not_equal},
         {"<=", FaultOperator::at_most},
         {">=", FaultOperator::at_least},
         {"<", FaultOperator::less},
         {">", FaultOperator::greater},
         {"=", FaultOperator::equal},
         {"~", FaultOperator::contains}}};
    FaultCondition condition;
    text_.skip_spaces();
    const FaultWord field =
        text_.take_while([](char c) { return is_word_character(c) || c == '.' || c == '+'; });
    condition.field = field.text;
    if (field.text.empty()) return text_.error(field.at, "a field's name is missing here");
    if (text_.peek() == '[') {  // an element of a tail: segments[2].gref
      const FaultWord element =
          text_.take_while([](char c) { return is_word_character(c) || c == '.' || c == '[' || c == ']'; });
      condition.field += element.text;
    }
    text_.skip_spaces();
    const size_t operator_at = text_.at();
    bool found = false;
    for (const auto& [sign, op] : kOperators) {
      if (found || !text_.take(sign)) continue;
      condition.op = op;
      found = true;
    }
    if (!found) return text_.error(operator_at, "one of == != < <= > >= ~ is missing here");
    const FaultWord value = text_.take_value(",]");
    if (value.text.empty()) return text_.error(value.at, "a value is missing here");
    condition.value = unquoted(value);
    place_.conditions.push_back(std::move(condition));
    return {};
  }

  Result<> read_selector(size_t at) {
    const FaultWord word = text_.take_while(is_word_character);
    if (word.text.empty()) return text_.error(at, "a selector is missing here, such as @3 or @every(2)");
    if (word.text[0] >= '0' && word.text[0] <= '9') return read_range(word);
    const size_t open = text_.at();
    const auto arguments = text_.take_arguments();
    if (!arguments) return tl::unexpected(arguments.error());
    if (word.text == "in" || word.text == "out") {
      if (!arguments->empty()) return text_.error(open, "a direction takes no argument");
      place_.direction = word.text == "in" ? Direction::in : Direction::out;
      has_more_ = true;
      return {};
    }
    static constexpr std::string_view kSelectors[] = {"every", "chance", "from", "until", "after", "at"};
    for (const std::string_view known : kSelectors) {
      if (word.text != known) continue;
      if (arguments->size() != 1)
        return text_.error(open, fmt::format("write @{}(...) with one argument", known));
      return read_selector_with(known, arguments->front());
    }
    return text_.error(at, fmt::format("'{}' is no selector; there is a number, N..M, every(K), chance(P), "
                                       "from(TIME), until(TIME), at(TIME), after(NAME), in, out",
                                       word.text));
  }

  Result<> read_range(const FaultWord& word) {
    if (has_count_) return text_.error(word.at, "a second count");
    has_count_ = true;
    const auto first = read_number(word.text);
    if (!first) return text_.error(word.at, "write a whole number");
    if (*first == 0) return text_.error(word.at, "counts begin with 1");
    place_.first = *first;
    place_.last = *first;
    if (!text_.take("..")) return {};
    place_.last = UINT64_MAX;
    const FaultWord end = text_.take_while(is_word_character);
    if (end.text.empty()) return {};
    const auto last = read_number(end.text);
    if (!last) return text_.error(end.at, "write a whole number");
    if (*last < *first)
      return text_.error(end.at, fmt::format("the last must not be before the first, {}", *first));
    place_.last = *last;
    return {};
  }

  Result<> read_selector_with(std::string_view selector, const FaultWord& argument) {
    has_more_ = has_more_ || selector != "at";
    if (selector == "every") {
      const auto number = read_number(argument.text);
      if (!number || *number == 0) return text_.error(argument.at, "write a whole number from 1");
      place_.every = *number;
      return {};
    }
    if (selector == "chance") return read_chance(argument);
    if (selector == "after") {
      for (const char c : argument.text) {
        if (!is_word_character(c)) return text_.error(argument.at, "write the name of another fault");
      }
      place_.after = argument.text;
      return {};
    }
    const auto time = parse_tick(argument.text);
    if (!time) return text_.error(argument.at, time.error().message);
    if (selector == "from") place_.from = *time;
    if (selector == "until") place_.until = *time;
    if (selector == "at") place_.at = *time;
    return {};
  }

  // "0.25" or "25%", to a millionth.
  Result<> read_chance(const FaultWord& argument) {
    std::string_view digits = argument.text;
    const bool percent = digits.ends_with('%');
    if (percent) digits.remove_suffix(1);
    const size_t dot = digits.find('.');
    const auto whole = read_number(digits.substr(0, dot));
    const std::string_view fraction = dot == digits.npos ? "" : digits.substr(dot + 1);
    const uint64_t unit = percent ? 10'000 : 1'000'000;
    uint64_t ppm = whole && *whole <= 100 ? *whole * unit : UINT64_MAX;
    bool good = whole && digits.substr(0, 2) != "0x" && (dot == digits.npos || !fraction.empty());
    uint64_t digit_value = unit;
    for (const char c : fraction) {
      good = good && c >= '0' && c <= '9';
      digit_value /= 10;
      if (good) ppm += static_cast<uint64_t>(c - '0') * digit_value;
    }
    if (!good || ppm == 0 || ppm > 1'000'000)
      return text_.error(argument.at, "write a chance of more than 0 and at most 1, such as 0.25 or 25%");
    place_.chance_ppm = ppm;
    return {};
  }

  FaultText& text_;
  FaultPlace& place_;
  bool has_count_ = false;
  bool has_more_ = false;  // a selector that is no count and not @at
};

}  // namespace

Result<FaultSpec> parse_fault(std::string_view given) {
  while (given.ends_with(' ') || given.ends_with('\n')) given.remove_suffix(1);
  while (given.starts_with(' ')) given.remove_prefix(1);
  FaultText text(given);
  if (given.size() > kLongest) return text.error(kLongest, "a fault has at most 4096 characters");
  for (size_t i = 0; i < given.size(); ++i) {
    if (static_cast<unsigned char>(given[i]) < 0x20 || given[i] == 0x7f)
      return text.error(i, "control characters do not belong here");
  }
  FaultSpec spec;
  spec.text = given;
  FaultText ahead(given);
  const FaultWord name = ahead.take_while(is_word_character);
  if (ahead.peek() == ':') {
    if (name.text.empty()) return text.error(0, "a name is missing before the colon");
    spec.name = name.text;
    text.skip(name.text.size() + 1);
    text.skip_spaces();
  }
  if (auto read = PlaceReader(text, spec.place).read(); !read) return tl::unexpected(read.error());
  const size_t action_at = text.at();
  auto action = read_fault_action(text);
  if (!action) return tl::unexpected(action.error());
  spec.action = std::move(*action);
  const bool by_itself = spec.action.kind == FaultKind::spurious || spec.action.kind == FaultKind::crash ||
                         spec.action.kind == FaultKind::stall || spec.action.kind == FaultKind::named;
  if (spec.place.at && !by_itself)
    return text.error(action_at + 1,
                      "only spurious, crash and stall may stand at a time; the others need a crossing");
  return spec;
}

}  // namespace ringside
