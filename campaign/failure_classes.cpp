#include "campaign/failure_classes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>

#include "campaign/site_filter.h"

namespace ringside {

namespace {

using Key = std::tuple<std::string, std::string, std::string, std::string, RunVerdict, std::string, bool>;

Key single_key(const CampaignFault& fault, const Judgement& judgement, bool right) {
  return {fault.kind, action_word(fault.action), "", "", judgement.verdict, judgement.symptom, right};
}

std::string slug(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const bool kept = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
    if (kept) result += c;
    if (!kept && !result.empty() && result.back() != '-') result += '-';
  }
  while (!result.empty() && result.back() == '-') result.pop_back();
  return result.substr(0, 60);
}

}  // namespace

std::vector<std::string> FailureClass::faults() const {
  if (session && !session->faults.empty()) return session->faults;
  std::vector<std::string> texts{example.fault.text()};
  if (example.second) texts.push_back(example.second_fault.text());
  return texts;
}

std::vector<FailureClass> classes_of(const std::vector<RunResult>& results) {
  std::map<Key, FailureClass> classes;
  const auto add = [&](const Key& key, const RunResult& result) {
    const auto [place, is_new] = classes.try_emplace(key);
    FailureClass& known = place->second;
    ++known.runs;
    if (!is_new) return;
    std::tie(known.kind, known.action, known.second_kind, known.second_action, known.verdict, known.symptom,
             known.right) = key;
    known.example = result;
  };
  for (const RunResult& result : results) {
    if (result.second || result.judgement.verdict == RunVerdict::survived) continue;
    add(single_key(result.fault, result.judgement, result.right), result);
  }
  for (const RunResult& result : results) {
    if (!result.second || result.judgement.verdict == RunVerdict::survived) continue;
    // The first fault alone was survived; what the second one does alone is no finding of a pair.
    const Key alone = single_key(result.second_fault, result.judgement, result.right);
    const Key both{result.fault.kind,
                   action_word(result.fault.action),
                   result.second_fault.kind,
                   action_word(result.second_fault.action),
                   result.judgement.verdict,
                   result.judgement.symptom,
                   result.right};
    add(classes.count(alone) != 0 ? alone : both, result);
  }
  std::vector<FailureClass> sorted;
  for (auto& [key, failure] : classes) sorted.push_back(std::move(failure));
  std::stable_sort(sorted.begin(), sorted.end(), [](const FailureClass& a, const FailureClass& b) {
    return std::tie(a.right, a.example) < std::tie(b.right, b.example);
  });
  return sorted;
}

std::string session_name(const FailureClass& failure) {
  std::string name = fmt::format("{}.{}", slug(failure.kind), slug(failure.action));
  if (failure.example.second)
    name += fmt::format(".{}.{}", slug(failure.second_kind), slug(failure.second_action));
  name += fmt::format(".{}.{}", word_of(failure.verdict), failure.example.point);
  if (failure.example.second) name += fmt::format(".{}", *failure.example.second);
  return name + ".pcapng";
}

}  // namespace ringside
