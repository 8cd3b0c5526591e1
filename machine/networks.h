// The switches of a machine and the peers on them, as [[network]] and [[peer]] say.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "host/network/network.h"
#include "machine/guest.h"
#include "machine/scenario.h"
#include "sim/systemc/timeline.h"

namespace ringside {

class PcapPlayer;
class PcapWriter;
class Responder;

class Networks {
 public:
  // `write_files`: a replay writes no pcap file, since what the recording wrote would be overwritten.
  // `contents` gives the bytes of a file that the scenario names.
  using FileContents = std::function<std::span<const uint8_t>(const std::string& name)>;
  static Result<std::unique_ptr<Networks>> create(const Scenario& scenario, Timeline& timeline,
                                                  bool write_files, const FileContents& contents);
  ~Networks();

  // A place on the switch with that name, which the scenario's checks have found to be there.
  SwitchPort& attach(const std::string& network, const std::string& device);
  // Hears which frame a responder could make nothing of, and why.
  using Complaint = std::function<void(const std::string& peer, const std::string& what)>;
  void on_complaint(const Complaint& listener);
  void list_components(Components& into) const;
  // Completes the files that peers have written.
  Result<> finish();

 private:
  Networks();
  Result<> add_peer(const PeerScenario& peer, const Scenario& scenario, Timeline& timeline, bool write_files,
                    const FileContents& contents);

  std::map<std::string, std::unique_ptr<EthernetSwitch>> switches_;
  std::vector<std::pair<std::string, std::unique_ptr<Responder>>> responders_;
  std::vector<std::pair<std::string, std::unique_ptr<PcapPlayer>>> players_;
  std::vector<std::unique_ptr<PcapWriter>> writers_;
};

}  // namespace ringside
