#include "sim/systemc/line_trace.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <systemc>

namespace ringside {

struct LineTrace::Impl {
  std::string path;     // as the user wrote it
  std::string written;  // what SystemC makes of it: it appends ".vcd"
  Timeline& timeline;
  std::vector<std::unique_ptr<sc_core::sc_signal<bool>>> signals;
  sc_core::sc_trace_file* file = nullptr;
};

Result<std::unique_ptr<LineTrace>> LineTrace::create(const std::string& path,
                                                     const std::vector<std::string>& names,
                                                     Timeline& timeline) {
  // SystemC does not say whether it could open its file.
  std::FILE* probe = std::fopen(path.c_str(), "w");
  if (probe == nullptr) {
    return fail(
        fmt::format("cannot write the VCD file '{}': {}. Choose another place.", path, std::strerror(errno)));
  }
  std::fclose(probe);
  timeline.enter();
  auto impl = std::unique_ptr<Impl>(new Impl{path, {}, timeline, {}, nullptr});
  const bool has_suffix = path.size() > 4 && path.ends_with(".vcd");
  const std::string base = has_suffix ? path.substr(0, path.size() - 4) : path;
  impl->written = base + ".vcd";
  impl->file = sc_core::sc_create_vcd_trace_file(base.c_str());
  // It says on stdout, where the guest's console is, which unit it takes.
  sc_core::sc_report_handler::set_actions("tracing timescale unit set", sc_core::SC_INFO,
                                          sc_core::SC_DO_NOTHING);
  impl->file->set_time_unit(1, sc_core::SC_PS);
  for (const std::string& name : names) {
    impl->signals.push_back(std::make_unique<sc_core::sc_signal<bool>>(name.c_str()));
    sc_core::sc_trace(impl->file, *impl->signals.back(), name);
  }
  return std::unique_ptr<LineTrace>(new LineTrace(std::move(impl)));
}

LineTrace::LineTrace(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

LineTrace::~LineTrace() {
  impl_->timeline.enter();
  if (impl_->file != nullptr) sc_core::sc_close_vcd_trace_file(impl_->file);
}

void LineTrace::set(size_t line, bool level) {
  impl_->timeline.catch_up_modules();
  impl_->signals.at(line)->write(level);
  impl_->timeline.settle_signals();
}

void LineTrace::catch_up() { impl_->timeline.catch_up_modules(); }

Result<> LineTrace::finish() {
  impl_->timeline.enter();
  sc_core::sc_close_vcd_trace_file(impl_->file);
  impl_->file = nullptr;
  if (impl_->written == impl_->path) return {};
  if (std::rename(impl_->written.c_str(), impl_->path.c_str()) == 0) return {};
  return fail(fmt::format("cannot name the VCD file '{}': {}", impl_->path, std::strerror(errno)));
}

}  // namespace ringside
