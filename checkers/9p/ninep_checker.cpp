// The checker `9p`: what a client and its server owe each other in a 9P session, both dialects. The share is
// the session: all its rings carry one.
#include <map>
#include <memory>

#include "checkers/9p/ninep_session.h"
#include "checkers/device_checkers.h"
#include "checkers/device_wires.h"
#include "hv-model/backends/9pfs/p9_payloads.h"

namespace ringside {

namespace {

constexpr std::string_view kName = "9p";

class NinePChecker final : public Checker {
 public:
  explicit NinePChecker(Checkers& checkers) : Checker(checkers, kName) {}

  std::vector<std::string> wires() const override { return {"9p/*/T", "9p/*/R"}; }
  bool wants(const Wire& wire) const override { return is_request(wire) || is_response(wire); }
  void on_wire_added(const Wire& wire) override;
  void on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) override;
  void on_end(bool orderly) override;

 private:
  class ReportOf final : public NinePSession::Report {
   public:
    ReportOf(NinePChecker& checker, const Wire& wire, const Crossing* crossing, bool genuine)
        : checker_(checker), wire_(wire), crossing_(crossing), genuine_(genuine) {}
    void operator()(std::string_view rule, std::string text) const override {
      if (genuine_) checker_.violate(rule, wire_, crossing_, std::move(text));
    }

   private:
    NinePChecker& checker_;
    const Wire& wire_;
    const Crossing* crossing_;
    const bool genuine_;
  };
  struct Share {
    NinePSession session;
    const Wire* requests = nullptr;
  };
  static bool is_request(const Wire& wire) { return wire.payload_type().id == kP9RequestPayload.id; }
  static bool is_response(const Wire& wire) { return wire.payload_type().id == kP9ResponsePayload.id; }

  std::map<std::string, std::unique_ptr<Share>> shares_;  // "dom1/9p/share"
  std::vector<Share*> by_wire_;
};

void NinePChecker::on_wire_added(const Wire& wire) {
  const std::string name = wire.name().substr(0, wire.name().size() - 2);
  auto& share = shares_[name];
  if (!share) share = std::make_unique<Share>();
  if (is_request(wire)) share->requests = &wire;
  if (wire.index() >= by_wire_.size()) by_wire_.resize(wire.index() + 1);
  by_wire_[wire.index()] = share.get();
}

void NinePChecker::on_crossing(const Wire& wire, Crossing& crossing, Verdict& verdict) {
  if (crossing.payload->size() < sizeof(P9MessageRecord)) return;
  NinePSession& session = by_wire_[wire.index()]->session;
  // An answer that a fault lets fail still comes, as an error.
  const bool response = !is_request(wire);
  const NinePSession::Message message{.bytes = crossing.bytes().subspan(sizeof(P9MessageRecord)),
                                      .arrives = response ? verdict.copies != 0 : arrives(verdict),
                                      .genuine = genuine(crossing)};
  const ReportOf report(*this, wire, &crossing, message.genuine);
  response ? session.response(message, report) : session.request(message, report);
}

void NinePChecker::on_end(bool) {
  for (const auto& [name, share] : shares_) {
    if (share->requests == nullptr) continue;
    share->session.end(ReportOf(*this, *share->requests, nullptr, true));
  }
}

}  // namespace

KnownChecker ninep_checker() {
  return {
      kName, "fids, tags and sizes of a 9P session, at both ends",
      [](Checkers& checkers) -> std::unique_ptr<Checker> { return std::make_unique<NinePChecker>(checkers); },
      []() -> std::vector<CheckerRule> {
        return {
            {"malformed", "a message that its type's fields do not fit"},
            {"message_exceeds_msize", "a message larger than was agreed on"},
            {"request_before_version", "a request before the session has begun"},
            {"notag_misused", "NOTAG on another message than Tversion, or Tversion without it"},
            {"tag_reused", "a request with a tag that is in flight"},
            {"fid_unknown", "a request on a fid that is not there"},
            {"fid_in_use", "a new fid that is in use"},
            {"fid_not_open", "data moved on a fid that was not opened"},
            {"fid_opened_again", "an open fid opened"},
            {"fid_leaked", "fids left though all attached ones were clunked"},
            {"reply_without_request", "an answer that nobody waits for"},
            {"reply_after_flush", "an answer to a flushed request behind its Rflush"},
            {"reply_type", "an answer of another type than its request's"},
            {"reply_exceeds_count", "an answer with more than was asked for"},
        };
      }};
}

}  // namespace ringside
