// Intel 82540EM gigabit Ethernet controller ("e1000"), after Intel's "PCI/PCI-X Family of Gigabit Ethernet
// Controllers Software Developer's Manual", 317453 revision 4.0 (SDM). README.md says what is modelled.
//
// A frame's way out: software writes TDT; the controller reads descriptors ahead (ring.cpp), gathers the
// packet's buffers by DMA (transmit.cpp), cuts and completes it (segmentation.cpp) and puts the frames into
// the transmit FIFO; from there they leave at line rate (line.cpp) on the wire "eth/<nic>/tx" to the
// switch's port. A frame's way in: the port hands it over, it takes its time on the cable, crosses
// "eth/<nic>/rx", passes the filters (filters.cpp) into the receive FIFO, and is stored into the buffers of
// the receive ring by DMA (receive.cpp), with its checksums judged (receive_checksum.cpp). Causes gather in
// ICR, and interrupt.cpp decides when the line follows.
//
// Each event moves at most one frame or one burst of descriptors, so a guest cannot make one endless.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include "devices/nic/e1000_registers.h"
#include "devices/nic/eeprom.h"
#include "devices/nic/phy.h"
#include "devices/pci/pci_function.h"
#include "host/network/network.h"
#include "sim/bus.h"
#include "sim/device_site.h"
#include "sim/dma.h"
#include "sim/registers.h"
#include "sim/state.h"

namespace ringside {

struct NicLinkRecord;

// README.md gives the source of each default.
struct E1000Timing {
  uint64_t pci_hz = 66'666'667;
  uint32_t pci_transaction_clocks = 16;  // of each DMA transfer, before its data: 4 bytes a clock
  Tick eeprom_read = microseconds(27);   // a word by EERD
  Tick eeprom_write = milliseconds(2);
  Tick management_frame = nanoseconds(25'600);  // a PHY register by MDIC
};

struct E1000Config {
  MacAddress mac = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
  PhyConfig phy;  // its partner_mbps is the line rate that negotiation ends with
  E1000Timing timing;
};

class E1000 final : public BusTarget, public Stateful {
 public:
  static constexpr uint32_t kMemoryBytes = 128 << 10;  // BAR0
  static constexpr uint32_t kPortBytes = 64;           // BAR2

  // Buses, DMA port and switch port must outlive the controller.
  E1000(const DeviceSite& site, const E1000Config& config, Bus& ports, Bus& memory, DmaPort& dma,
        SwitchPort& port);
  ~E1000() override;
  E1000(const E1000&) = delete;
  E1000& operator=(const E1000&) = delete;

  // To be put on the bus; its intx is the interrupt.
  PciFunction& pci() { return pci_; }

  // BAR0.
  uint64_t read(uint64_t offset, unsigned size) override;
  void write(uint64_t offset, unsigned size, uint64_t value) override;

  // RST#: as at power on; the EEPROM keeps its contents and the cable stays where it is.
  void reset();

  void visit_state(StateVisitor& visitor) const override;

 private:
  friend struct E1000RegisterTable;

  // BAR2: IOADDR chooses a register, IODATA is a window to it (SDM 13.2.2).
  class PortWindow final : public BusTarget {
   public:
    explicit PortWindow(E1000& controller) : controller_(controller) {}
    uint64_t read(uint64_t offset, unsigned size) override;
    void write(uint64_t offset, unsigned size, uint64_t value) override;
    uint32_t address = 0;

   private:
    E1000& controller_;
  };

  using Descriptor = std::array<uint8_t, 16>;
  struct Frame {
    std::vector<uint8_t> bytes;  // without frame check sequence
    Tick ready_at;               // transmit: in the FIFO as a whole; receive: off the cable
    // Receive only.
    bool bad_fcs = false;            // damaged on the cable
    uint8_t line_errors = 0;         // what else a fault has done to it, at the bits of the descriptor
    uint8_t status = 0, errors = 0;  // of the descriptor
    uint16_t checksum = 0, tag = 0;
    size_t stored = 0;  // bytes that are in buffers already
  };
  struct WriteBack {
    uint32_t index;
    Descriptor descriptor;
  };
  // One of the two rings. The registers hold base, length, head and tail.
  struct Ring {
    uint32_t base_low;               // the offset of the first of its registers
    uint32_t control;                // of RXDCTL or TXDCTL
    std::deque<Descriptor> fetched;  // read ahead; the first stands at the head
    std::vector<WriteBack> pending;  // done, and not yet stored
    bool halted = false;             // after a master abort or on impossible indices
  };
  struct ChecksumRange {
    uint8_t start = 0, offset = 0;
    uint16_t end = 0;
  };
  // What a TCP/IP context descriptor has set.
  struct Context {
    ChecksumRange ip, tcp;
    uint32_t payload_length = 0;
    uint16_t mss = 0;
    uint8_t header_length = 0;
    bool is_tcp = false, is_ipv4 = false;
  };
  // The packet that is being gathered.
  struct Packet {
    bool open = false, segmented = false, discarded = false, vlan = false, insert_fcs = false;
    uint8_t options = 0;                              // POPTS
    uint8_t checksum_offset = 0, checksum_start = 0;  // CSO, CSS
    uint16_t tag = 0;
    uint32_t payload_left = 0, frames = 0;
    std::vector<uint8_t> header, bytes;
  };
  struct DelayTimers {
    EventQueue::Handle packet, absolute;
  };

  uint32_t get(uint32_t offset) const {
    return static_cast<uint32_t>(registers_.value(registers_.find(offset)));
  }
  void set(uint32_t offset, uint32_t value) { registers_.value(registers_.find(offset)) = value; }
  bool flag(uint32_t offset, uint32_t bits) const { return (get(offset) & bits) != 0; }

  // e1000.cpp
  uint32_t read_word(uint32_t offset);
  void write_word(uint32_t offset, uint32_t value);
  uint32_t* array_word(uint32_t offset, uint32_t* writable);
  uint32_t table(uint32_t offset) const;
  void reset_mac(bool power_on);
  void load_from_eeprom();
  Tick occupy_bus(size_t bytes);
  bool dma_read(uint64_t address, std::span<uint8_t> into, const char* what);
  bool dma_write(uint64_t address, std::span<const uint8_t> from, const char* what);
  void hear_pci_change();

  // control.cpp: device control, EEPROM, PHY
  void write_ctrl(uint64_t value);
  void write_ctrl_ext(uint64_t value);
  uint64_t read_status();
  uint64_t read_eecd();
  void write_eecd(uint64_t value);
  void write_eerd(uint64_t value);
  void write_mdic(uint64_t value);
  void complete_mdic();
  void write_pba(uint64_t value);
  bool link_up() const;
  bool mac_loopback() const;
  bool in_loopback() const { return mac_loopback() || phy_.loopback(); }
  uint32_t speed_mbps() const;
  bool full_duplex() const;
  void update_link();

  // interrupt.cpp
  uint64_t read_icr();
  void write_icr(uint64_t value);
  void write_ics(uint64_t value);
  void write_ims(uint64_t value);
  void write_imc(uint64_t value);
  void write_itr(uint64_t value);
  void raise(uint32_t causes);
  void update_interrupt();
  void arm(EventQueue::Handle& timer, uint32_t delay, const char* name, void (E1000::*expired)());
  void cancel(DelayTimers& timers);

  // ring.cpp
  uint64_t ring_base(const Ring& ring) const;
  bool ring_ready(const Ring& ring) const;
  uint32_t ring_count(const Ring& ring) const { return get(ring.base_low + 8) / 16; }
  uint32_t ring_head(const Ring& ring) const { return get(ring.base_low + 16); }
  uint32_t ring_tail(const Ring& ring) const { return get(ring.base_low + 24); }
  uint32_t ring_owned(const Ring& ring) const;
  bool fetch(Ring& ring);
  void advance(Ring& ring, bool write_back, const Descriptor& descriptor);
  void flush(Ring& ring);
  uint32_t write_back_threshold(const Ring& ring) const;
  void forget(Ring& ring);
  void show_ring(const Ring& ring, bool tail_written);
  void write_rx_base(uint64_t) {
    forget(rx_);
    kick_receive();
  }
  void write_tx_base(uint64_t) {
    forget(tx_);
    kick_transmit();
  }
  void write_rdt(uint64_t value);
  void write_tdt(uint64_t value);

  // transmit.cpp
  void write_tctl(uint64_t value);
  void kick_transmit();
  void transmit_step();
  bool transmit_descriptor();
  void load_context(const Descriptor& descriptor);
  void open_packet(const Descriptor& descriptor);
  bool gather(const Descriptor& descriptor);
  uint32_t gather_wanted(uint32_t left) const;
  void discard_packet(const char* why, uint64_t value);
  void finish_transmit(const Descriptor& descriptor);
  void transmit_delay_expired();

  // segmentation.cpp
  void segment_gathered();
  void close_packet(const Descriptor& descriptor);
  void update_headers(std::vector<uint8_t>& bytes, bool last);
  void insert_checksum(std::vector<uint8_t>& bytes, const ChecksumRange& range, uint32_t extra, bool udp);
  void complete_frame(std::vector<uint8_t> bytes);

  // line.cpp: the cable, and flow control
  size_t transmit_fifo_capacity() const { return (64u - receive_kilobytes_) << 10; }
  size_t receive_fifo_capacity() const { return static_cast<size_t>(receive_kilobytes_) << 10; }
  Tick line_time(size_t bytes) const;
  void start_line();
  void line_done();
  void send_pause(uint16_t quanta);
  void hear_pause(uint16_t quanta);
  void update_flow_control();
  void frame_from_port(std::span<const uint8_t> frame);
  void frame_arrived();
  void pass_receive_wire(const std::vector<uint8_t>& frame);

  // line_faults.cpp: what a fault does to the cable, and to frames on it
  void accept_faults();
  void forget_faults();
  void show_link(const NicLinkRecord& link);
  void set_cable();
  void spoil(Frame& frame);
  uint8_t take_transmit_fault();

  // filters.cpp
  void judge_frame(Frame frame);
  bool is_pause(std::span<const uint8_t> frame) const;
  bool accept_address(std::span<const uint8_t> frame, uint8_t& status) const;
  bool accept_vlan(std::span<const uint8_t> frame) const;
  bool count_damage(const Frame& frame);

  // receive.cpp
  void write_rctl(uint64_t value);
  void write_rdtr(uint64_t value);
  void kick_receive();
  void receive_step();
  void prepare(Frame& frame) const;
  void store_buffer();
  size_t buffer_bytes() const;
  void receive_interrupt(size_t frame_bytes);
  void receive_timer_expired();

  // receive_checksum.cpp
  struct ReceiveSums {
    uint8_t status = 0, errors = 0;
  };
  ReceiveSums judge_checksums(std::span<const uint8_t> frame) const;

  // statistics.cpp
  void count(uint32_t offset, uint64_t n = 1);
  void count_bytes(uint32_t low, uint64_t n);
  void count_received(std::span<const uint8_t> frame);
  void count_transmitted(std::span<const uint8_t> frame);
  template <uint32_t low>
  uint64_t read_high();
  uint64_t read_rdfpc() { return receive_fifo_.size(); }
  uint64_t read_tdfpc() { return transmit_fifo_.size(); }

  const DeviceSite site_;
  const E1000Config config_;
  DmaPort& dma_;
  SwitchPort& port_;
  PortWindow port_window_;
  PciFunction pci_;
  Wire& tx_wire_;
  Wire& rx_wire_;
  Wire& ring_wire_;
  RegisterFile<E1000> registers_;
  std::vector<std::vector<uint32_t>> arrays_;  // as e1000_arrays()
  std::vector<uint8_t> packet_memory_;
  MicrowireEeprom eeprom_;
  M88Phy phy_;
  bool link_seen_up_ = false;
  EventQueue::Handle mdic_done_, eerd_done_;

  Tick interrupted_at_;
  bool interrupted_once_ = false, pci_level_ = false;
  EventQueue::Handle throttle_;
  DelayTimers transmit_delay_, receive_delay_;

  Ring tx_, rx_;
  Tick bus_free_at_;
  EventQueue::Handle transmit_event_, receive_event_;
  Context normal_context_, segment_context_;
  Packet packet_;
  uint32_t buffer_offset_ = 0;  // what is gathered of the descriptor at the head

  uint32_t receive_kilobytes_ = 48;  // of the packet buffer, as PBA was at the last reset
  std::deque<Frame> transmit_fifo_, receive_fifo_, cable_;
  size_t transmit_fifo_bytes_ = 0, receive_fifo_bytes_ = 0, cable_bytes_ = 0;
  EventQueue::Handle line_event_, cable_event_;
  Tick line_starts_at_, line_free_at_, cable_free_at_, paused_until_;
  bool sent_xoff_ = false;

  // Of faults: the cable is pulled, and put back; errors that the next frame or packet will have.
  Wire& link_wire_;
  Wire& error_wire_;
  bool cable_pulled_ = false;
  EventQueue::Handle cable_back_;
  uint8_t next_receive_errors_ = 0, next_transmit_status_ = 0, packet_status_ = 0;
};

}  // namespace ringside
