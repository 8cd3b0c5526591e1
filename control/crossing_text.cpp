#include "control/crossing_text.h"

#include <fmt/format.h>

namespace ringside {

Json to_json(const std::vector<DecodedField>& fields) {
  Json object = Json::object();
  for (const DecodedField& field : fields) {
    if (!field.children.empty()) {
      Json list = Json::array();
      for (const DecodedField& record : field.children) list.push_back(to_json(record.children));
      object[field.name] = list;
    } else if (field.is_number && field.text == fmt::format("{}", field.number)) {
      object[field.name] = field.number;
    } else {
      object[field.name] = field.text;
    }
  }
  return object;
}

Json to_json(const Wire& wire, const Crossing& crossing, const Verdict& verdict,
             const std::vector<DecodedField>& fields) {
  Json json{{"at_ps", crossing.at.ps},
            {"sequence", crossing.sequence},
            {"wire", wire.name()},
            {"kind", to_string(wire.kind())},
            {"direction", crossing.direction == Direction::out ? "out" : "in"},
            {"bytes", crossing.payload->size()},
            {"fields", to_json(fields)},
            {"text", to_line(fields)}};
  if ((crossing.flags & Crossing::kInjected) != 0) json["injected"] = true;
  if (!verdict.intact()) {
    Json& left = json["verdict"];
    left["copies"] = verdict.copies;
    if (verdict.delay.ps != 0) left["delay_ps"] = verdict.delay.ps;
    if (verdict.fail != 0) left["fail"] = verdict.fail;
    if (verdict.behind != 0) left["behind"] = verdict.behind;
  }
  return json;
}

std::string short_time(uint64_t ps) {
  return fmt::format("{}.{:09}", ps / 1'000'000'000'000, ps / 1000 % 1'000'000'000);
}

std::string crossing_line(const Json& crossing) {
  std::string line = fmt::format(
      "{} {} {} {}", short_time(crossing["at_ps"].get<uint64_t>()), crossing["wire"].get<std::string>(),
      crossing["direction"] == "out" ? "->" : "<-", crossing["text"].get<std::string>());
  if (crossing.contains("injected")) line += " [injected]";
  if (crossing.contains("verdict")) {
    const Json& verdict = crossing["verdict"];
    const uint64_t copies = verdict["copies"];
    if (copies == 0) line += " [dropped]";
    if (copies > 1) line += fmt::format(" [{} copies]", copies);
    if (verdict.contains("delay_ps"))
      line += fmt::format(" [delayed {}]", to_string(Tick{verdict["delay_ps"].get<uint64_t>()}));
    if (verdict.contains("behind")) line += fmt::format(" [behind {}]", verdict["behind"].get<uint64_t>());
    if (verdict.contains("fail")) line += fmt::format(" [fails {}]", verdict["fail"].get<int64_t>());
  }
  return line;
}

std::string folded(const std::string& line, size_t columns) {
  if (columns < 40) return line;
  std::string result, rest = line;
  while (rest.size() > columns) {
    size_t space = rest.rfind(' ', columns);
    const bool breaks = space != std::string::npos && rest.find_first_not_of(' ') < space;
    if (!breaks) space = columns;
    result += rest.substr(0, space) + "\n";
    rest = "    " + rest.substr(breaks ? space + 1 : space);
  }
  return result + rest;
}

}  // namespace ringside
