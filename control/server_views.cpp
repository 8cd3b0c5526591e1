#include "control/server_views.h"

#include <fmt/format.h>

#include "machine/views.h"

namespace ringside {

namespace {

Json to_json(const View& view) {
  Json json = Json::object();
  if (!view.title.empty()) json["title"] = view.title;
  for (const auto& [name, value] : view.facts) json["facts"].push_back({name, value});
  if (!view.columns.empty()) json["columns"] = view.columns;
  if (!view.rows.empty()) json["rows"] = view.rows;
  if (!view.lines.empty()) json["lines"] = view.lines;
  return json;
}

Result<Views> views_of(Machine& machine, const Json& request) {
  MachineViews views(machine.viewed());
  const std::string name = request.value("name", "");
  const std::string domain = request.value("domain", "");
  const std::string subject = request.value("subject", "");
  if (name == "registers") return views.registers(domain);
  if (name == "devices") return views.devices(subject);
  if (name == "evtchn") return views.event_channels(domain);
  if (name == "grants") return views.grants(domain);
  if (name == "xenstore") return views.xenstore(subject);
  if (name == "ring") return views.ring(subject);
  if (name == "backtrace") return views.backtrace(domain);
  if (name == "disassembly") {
    std::optional<uint64_t> address;
    if (request.contains("address")) address = request["address"].get<uint64_t>();
    return views.disassembly(domain, address, request.value("count", 10u), request.value("before", 0u));
  }
  if (name == "memory") {
    return views.memory(domain, request.at("address").get<uint64_t>(), request.value("length", uint64_t{64}),
                        request.value("physical", false));
  }
  return fail(fmt::format("there is no view '{}'", name));
}

}  // namespace

Json view_of(Machine& machine, const Json& request) {
  if (request.value("name", "") == "ring-page") {
    const auto page = MachineViews(machine.viewed()).ring_page(request.value("subject", ""));
    if (!page) return {{"error", page.error().message}};
    return {{"domain", page->domain.value}, {"header", page->header.value}, {"fields", page->fields}};
  }
  const auto views = views_of(machine, request);
  if (!views) return {{"error", views.error().message}};
  Json list = Json::array();
  for (const View& view : *views) list.push_back(to_json(view));
  return {{"views", list}};
}

}  // namespace ringside
