// The recorded sides that answer in a scenario in the place of backends: `backend = "session:old.pcapng"`.
// Sessions are read when the machine is built; their files are inputs of the run, as images are.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "host/9p/recording.h"
#include "host/recorded_disk.h"
#include "hv-model/recorded_events.h"
#include "hv-model/xenstore/recorded_store.h"
#include "machine/scenario.h"
#include "sim/session/side.h"
#include "sim/session/unanswered.h"

namespace ringside {

class Standins {
 public:
  explicit Standins(const Scenario& scenario) : scenario_(scenario) {}

  // Where the session with this name in the scenario is on this host.
  void add_file(const std::string& name, const std::string& path) { paths_[name] = path; }

  // Looks for all sessions of the scenario where its files are.
  Result<> locate_all();

  // What a recorded disk has read and written. A session without the data is executed again for it.
  Result<DiskRecording> disk(const DiskScenario& disk) const;
  // What a recorded 9P server of this share has answered.
  Result<NinePRecording> ninep(const ShareScenario& share) const;

  // What a domain was told by XenStore, and by whom its channels lead to.
  Result<XenStoreRecording> xenstore(const std::string& domain, DomainId id) const;
  Result<EventRecording> events(const std::string& domain) const;

  UnansweredRequests& unanswered() { return unanswered_; }
  const UnansweredRequests& unanswered() const { return unanswered_; }

 private:
  Result<SessionSide> read(const StandinScenario& standin, const std::vector<std::string>& globs) const;

  const Scenario& scenario_;
  std::map<std::string, std::string> paths_;
  UnansweredRequests unanswered_;
};

// The base name of the wires of a device's side: "dom1/9p/data" for "dom1/9p/data/T". `kind` is the part in
// front ("9p/"), `wanted` what the user wrote behind '#', `name` the device's. Errors list what there is.
Result<std::string> find_side(const SessionSide& side, const std::string& kind, const std::string& last_part,
                              const std::string& wanted, const std::string& name);

// A recorded 9P conversation, from the wires "<base>/T" and "<base>/R".
NinePRecording learn_ninep(const SessionSide& side, const std::string& base);

}  // namespace ringside
