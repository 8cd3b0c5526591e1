#include "machine/networks.h"

#include "host/network/pcap_player.h"
#include "host/network/pcap_writer.h"
#include "host/network/responder.h"

namespace ringside {

Networks::Networks() = default;
Networks::~Networks() = default;

Result<std::unique_ptr<Networks>> Networks::create(const Scenario& scenario, Timeline& timeline,
                                                   bool write_files, const FileContents& contents) {
  std::unique_ptr<Networks> networks(new Networks);
  for (const NetworkScenario& network : scenario.networks) {
    networks->switches_[network.name] =
        std::make_unique<EthernetSwitch>(network.name, network.latency, timeline.clock(), timeline.events());
  }
  for (const PeerScenario& peer : scenario.peers) {
    SIM_TRY(networks->add_peer(peer, scenario, timeline, write_files, contents));
  }
  return networks;
}

Result<> Networks::add_peer(const PeerScenario& peer, const Scenario& scenario, Timeline& timeline,
                            bool write_files, const FileContents& contents) {
  SwitchPort& port = attach(peer.network, peer.name);
  if (peer.kind == "responder") {
    ResponderConfig config;
    config.mac = peer.mac;
    config.address = peer.address;
    config.latency = peer.latency;
    config.loss_ppm = static_cast<uint32_t>(peer.loss_ppm);
    responders_.emplace_back(peer.name, std::make_unique<Responder>(peer.name, config, port, timeline.clock(),
                                                                    timeline.events(), scenario.seed));
  } else if (peer.kind == "pcap-player") {
    auto frames = parse_capture(contents(peer.file), peer.file);
    if (!frames) return tl::unexpected(frames.error());
    players_.emplace_back(
        peer.name, std::make_unique<PcapPlayer>(std::move(*frames), peer.start, port, timeline.events()));
  } else if (write_files) {
    auto writer = PcapWriter::create(peer.file, port, timeline.clock());
    if (!writer) return tl::unexpected(writer.error());
    writers_.push_back(std::move(*writer));
  }
  return {};
}

SwitchPort& Networks::attach(const std::string& network, const std::string& device) {
  return switches_.at(network)->attach(device);
}

void Networks::on_complaint(const Complaint& listener) {
  for (const auto& [name, responder] : responders_) {
    responder->set_complaint([listener, peer = name](const std::string& what) { listener(peer, what); });
  }
}

void Networks::list_components(Components& into) const {
  for (const auto& [name, ethernet] : switches_) into.emplace_back("network/" + name, ethernet.get());
  for (const auto& [name, responder] : responders_) into.emplace_back("peer/" + name, responder.get());
  for (const auto& [name, player] : players_) into.emplace_back("peer/" + name, player.get());
}

Result<> Networks::finish() {
  for (const auto& writer : writers_) SIM_TRY(writer->close());
  return {};
}

}  // namespace ringside
