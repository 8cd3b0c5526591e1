#include "campaign/run_result.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <tuple>

namespace ringside {

namespace {

nlohmann::ordered_json fault_to_json(const CampaignFault& fault) {
  return {fault.kind, fault.wire, fault.nth, fault.action};
}

CampaignFault fault_of(const nlohmann::ordered_json& json) {
  return {json.at(0).get<std::string>(), json.at(1).get<std::string>(), json.at(2).get<uint64_t>(),
          json.at(3).get<std::string>()};
}

}  // namespace

std::string CampaignFault::text() const { return fmt::format("{}@{} {}", wire, nth, action); }

bool RunResult::operator<(const RunResult& other) const {
  return std::tie(point, second) < std::tie(other.point, other.second);
}

std::string to_text(const RunResult& result) {
  nlohmann::ordered_json json;
  json["point"] = result.point;
  if (result.second) json["second"] = *result.second;
  json["fault"] = fault_to_json(result.fault);
  if (result.second) json["second_fault"] = fault_to_json(result.second_fault);
  const Judgement& judgement = result.judgement;
  json["verdict"] = to_string(judgement.verdict);
  json["exit_code"] = judgement.exit_code;
  json["instructions"] = judgement.instructions;
  json["at"] = judgement.at.ps;
  if (!judgement.symptom.empty()) json["symptom"] = judgement.symptom;
  json["reason"] = judgement.reason;
  if (result.right) json["right"] = true;
  return json.dump(-1, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

std::optional<RunResult> run_result_of(const std::string& text) {
  const auto json = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    RunResult result;
    result.point = json.at("point").get<uint64_t>();
    result.fault = fault_of(json.at("fault"));
    if (json.contains("second")) {
      result.second = json.at("second").get<uint64_t>();
      result.second_fault = fault_of(json.at("second_fault"));
    }
    const auto verdict = run_verdict_of(json.at("verdict").get<std::string>());
    if (!verdict) return std::nullopt;
    result.judgement.verdict = *verdict;
    result.judgement.exit_code = json.at("exit_code").get<int>();
    result.judgement.instructions = json.at("instructions").get<uint64_t>();
    result.judgement.at = Tick{json.at("at").get<uint64_t>()};
    result.judgement.symptom = json.value("symptom", "");
    result.judgement.reason = json.at("reason").get<std::string>();
    result.right = json.value("right", false);
    return result;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;  // not a line of ours
  }
}

}  // namespace ringside
