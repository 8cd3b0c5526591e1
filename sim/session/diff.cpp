#include "sim/session/diff.h"

#include <fmt/format.h>

#include <algorithm>

#include "sim/session/describe.h"
#include "sim/session/reader.h"

namespace ringside {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;
using Difference = std::optional<SessionDifference>;

Difference diff_numbers(std::string_view name, uint64_t first, uint64_t second) {
  if (first == second) return std::nullopt;
  return SessionDifference{fmt::format("{} differs", name), std::to_string(first), std::to_string(second)};
}

Difference diff_pairs(std::string_view name, const Pairs& first, const Pairs& second) {
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    const auto text = [i](const Pairs& pairs) {
      return i < pairs.size() ? fmt::format("{} = {}", pairs[i].first, pairs[i].second) : std::string("none");
    };
    if (text(first) != text(second))
      return SessionDifference{fmt::format("{} differ", name), text(first), text(second)};
  }
  return std::nullopt;
}

// The first line of a text that differs from the other text's.
Difference diff_texts(std::string_view name, std::string_view first, std::string_view second) {
  if (first == second) return std::nullopt;
  const auto same =
      std::mismatch(first.begin(), first.end(), second.begin(), second.end()).first - first.begin();
  const auto before = first.substr(0, static_cast<size_t>(same));
  const size_t line_begin = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  const auto line = [&](std::string_view text) {
    return std::string(text.substr(line_begin, text.find('\n', line_begin) - line_begin));
  };
  const auto number = std::count(before.begin(), before.end(), '\n') + 1;
  return SessionDifference{fmt::format("line {} of {} differs", number, name), line(first), line(second)};
}

Difference diff_files(const std::vector<SessionFile>& first, const std::vector<SessionFile>& second) {
  for (size_t i = 0; i < std::max(first.size(), second.size()); ++i) {
    const auto text = [i](const std::vector<SessionFile>& files) {
      if (i >= files.size()) return std::string("none");
      return fmt::format("'{}', {} bytes, hash {:016x}", files[i].name, files[i].size, files[i].hash);
    };
    if (text(first) != text(second)) return SessionDifference{"the files differ", text(first), text(second)};
  }
  return std::nullopt;
}

Difference diff_headers(const SessionHeader& a, const SessionHeader& b) {
  if (auto found = diff_texts("the scenario's name", a.scenario_name, b.scenario_name)) return found;
  if (auto found = diff_texts("the scenario", a.scenario_text, b.scenario_text)) return found;
  if (auto found = diff_pairs("the overrides", a.overrides, b.overrides)) return found;
  if (auto found = diff_numbers("the seed", a.seed, b.seed)) return found;
  if (auto found = diff_numbers("the length of an epoch", a.epoch_instructions, b.epoch_instructions))
    return found;
  if (auto found =
          diff_numbers("how often memory is digested", a.memory_digest_epochs, b.memory_digest_epochs)) {
    return found;
  }
  if (auto found = diff_files(a.files, b.files)) return found;
  if (auto found = diff_pairs("the versions", a.versions, b.versions)) return found;
  if (auto found = diff_texts("the test's program", a.program, b.program)) return found;
  if (auto found = diff_texts("the test", a.test, b.test)) return found;
  return diff_texts("the notes", a.notes, b.notes);
}

std::string text_of(const std::optional<SessionRecord>& record, const SessionReader& reader) {
  if (!record) return reader.was_cut() ? "the session was cut here" : "the session ends here";
  if (const auto* crossing = std::get_if<SessionCrossing>(&*record)) {
    return describe(*crossing, reader.wires()[crossing->wire]) +
           fmt::format(" (sequence {})", crossing->sequence);
  }
  if (const auto* input = std::get_if<InputRecord>(&*record)) return describe(*input);
  if (const auto* digest = std::get_if<EpochDigest>(&*record)) return describe(*digest);
  return describe(std::get<RunOutcome>(*record));
}

Difference diff_wires(const std::vector<SessionWire>& first, const std::vector<SessionWire>& second) {
  const auto differ = std::mismatch(first.begin(), first.end(), second.begin(), second.end());
  if (differ.first == first.end() && differ.second == second.end()) return std::nullopt;
  return SessionDifference{fmt::format("wire {} differs", differ.first - first.begin() + 1),
                           differ.first == first.end() ? "no such wire yet" : describe(*differ.first),
                           differ.second == second.end() ? "no such wire yet" : describe(*differ.second)};
}

// Walks both sessions in step and counts what it passes, so that the difference gets its number.
class Walk {
 public:
  Walk(SessionReader& first, SessionReader& second) : first_(first), second_(second) {}

  Result<Difference> run() {
    size_t wires = 0;
    for (;;) {
      const auto a = first_.next();
      if (!a) return tl::unexpected(a.error());
      const auto b = second_.next();
      if (!b) return tl::unexpected(b.error());
      if (first_.wires().size() != wires || second_.wires().size() != wires) {
        if (auto found = diff_wires(first_.wires(), second_.wires())) return found;
        wires = first_.wires().size();
      }
      if (*a != *b) return difference(*a, *b);
      if (!*a) return end();
      crossings_ += std::holds_alternative<SessionCrossing>(**a);
    }
  }

 private:
  Difference difference(const std::optional<SessionRecord>& a, const std::optional<SessionRecord>& b) const {
    const std::string first = text_of(a, first_), second = text_of(b, second_);
    if (!a || !b || a->index() != b->index())
      return SessionDifference{"what happens next differs", first, second};
    if (const auto* digest = std::get_if<EpochDigest>(&*a)) {
      const auto found = first_difference(*digest, std::get<EpochDigest>(*b));
      return SessionDifference{fmt::format("epoch {}: {}", digest->number, found.what), found.first,
                               found.second};
    }
    if (std::holds_alternative<SessionCrossing>(*a)) {
      return SessionDifference{fmt::format("recorded crossing {} differs", crossings_ + 1), first, second};
    }
    if (const auto* input = std::get_if<InputRecord>(&*a)) {
      return SessionDifference{fmt::format("input {} differs", input->number), first, second};
    }
    return SessionDifference{"how the run ends differs", first, second};
  }

  Difference end() const {
    if (first_.was_cut() == second_.was_cut()) return std::nullopt;
    return SessionDifference{"where the session ends differs", text_of(std::nullopt, first_),
                             text_of(std::nullopt, second_)};
  }

  SessionReader& first_;
  SessionReader& second_;
  uint64_t crossings_ = 0;
};

}  // namespace

Result<std::optional<SessionDifference>> diff_sessions(const std::string& first, const std::string& second) {
  auto a = SessionReader::open(first);
  if (!a) return tl::unexpected(a.error());
  auto b = SessionReader::open(second);
  if (!b) return tl::unexpected(b.error());
  if (auto found = diff_headers(a->header(), b->header())) return found;
  return Walk(*a, *b).run();
}

}  // namespace ringside
