#include "devices/platform/pic.h"

#include <fmt/format.h>

#include "devices/platform/pic_registers.h"

namespace ringside {

namespace {

constexpr unsigned kCascade = 2;
constexpr uint8_t kFloatingBus = 0xff;

}  // namespace

Pic::Pic(const DeviceSite& site, Bus& ports)
    : site_(site),
      master_(site, true, pic::kLevelCapableMaster),
      slave_(site, false, pic::kLevelCapableSlave),
      // A read may be a poll, which changes what is pending.
      master_ports_(
          [this](unsigned a0) {
            const uint8_t value = master_.read(a0);
            update();
            return value;
          },
          [this](unsigned a0, uint8_t value) {
            master_.write(a0, value);
            update();
          }),
      slave_ports_(
          [this](unsigned a0) {
            const uint8_t value = slave_.read(a0);
            update();
            return value;
          },
          [this](unsigned a0, uint8_t value) {
            slave_.write(a0, value);
            update();
          }),
      elcr_ports_([this](unsigned chip) { return chip == 0 ? master_.read_elcr() : slave_.read_elcr(); },
                  [this](unsigned chip, uint8_t value) {
                    (chip == 0 ? master_ : slave_).write_elcr(value);
                    update();
                  }) {
  ports.map(site.name, 0x20, 2, master_ports_, 1);
  ports.map(site.name, 0xa0, 2, slave_ports_, 1);
  ports.map(site.name, 0x4d0, 2, elcr_ports_, 1);
}

void Pic::reset() {
  master_.reset();
  slave_.reset();
  update();
}

void Pic::set_line(unsigned line, bool level) {
  if (line == kCascade || line > 15) return;
  if (line < 8) {
    master_.set_input(line, level);
  } else {
    slave_.set_input(line - 8, level);
  }
  update();
}

uint8_t Pic::acknowledge() {
  const PicChip::Acknowledged request = master_.acknowledge();
  const uint8_t vector = !request.spurious && master_.has_slave(request.ir) ? acknowledge_slave(request.ir)
                                                                            : master_.vector(request.ir);
  update();
  return vector;
}

uint8_t Pic::acknowledge_slave(uint8_t ir) {
  if (slave_.slave_id() != ir) {
    site_.notice(
        NoticeKind::unusual,
        fmt::format("The cascade is programmed wrongly: the master asked slave {}, the slave's ICW3 says "
                    "{}, so nobody gave a vector",
                    ir, slave_.slave_id()));
    return kFloatingBus;
  }
  const PicChip::Acknowledged request = slave_.acknowledge();
  // INT falls with the acknowledge, even when the next request raises it again at once: the master, which
  // senses edges here, must see both.
  master_.set_input(kCascade, false);
  return slave_.vector(request.ir);
}

void Pic::update() {
  master_.set_input(kCascade, slave_.output());
  output.set(master_.output());
}

void Pic::visit_state(StateVisitor& visitor) const {
  master_.visit_state(visitor);
  slave_.visit_state(visitor);
  visitor.number("output", output.level());
}

}  // namespace ringside
